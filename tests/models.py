"""What workers are told to load, made by hand."""

from pathlib import Path

from imagine.words.model import Component, Model


def component(path, role="checkpoint", **more):
    """What lies at `path`, a file or a folder."""
    kind = "diffusers" if Path(path).is_dir() else "safetensors"
    return Component(**{"role": role, "path": str(path), "digest": "1" * 64, "format": kind, **more})


def model_at(path, name="tiny", *, family="", role="checkpoint", parts=None, **more):
    """The model that lies at `path`. `parts` are its components in files of their own, by role: paths, or as such."""
    beside = [one if isinstance(one, Component) else component(one, role) for role, one in (parts or {}).items()]
    first = component(path, role, **{"digest": "0" * 64, **more})
    return Model(name=name, family=family, components=(first, *beside))
