"""What workers are told to load, made by hand."""

from pathlib import Path

from imagine.registry.describe import describe
from imagine.registry.scan import scan_one
from imagine.words.model import Component, Model


def family_at(path):
    """The family of what lies at `path`, as the registry tells it; "" where it can't."""
    found = scan_one(Path(path))
    return describe(found).family if found else ""


def component(path, role="checkpoint", **more):
    """What lies at `path`, a file or a folder."""
    kind = "diffusers" if Path(path).is_dir() else "safetensors"
    return Component(**{"role": role, "path": str(path), "digest": "1" * 64, "format": kind, **more})


def model_at(path, name="tiny", *, family=None, role="checkpoint", parts=None, **more):
    """The model that lies at `path`, of the family that the registry tells, else of SD1's.

    `parts` are its components in files of their own, by role: paths, or as such.
    """
    beside = [one if isinstance(one, Component) else component(one, role) for role, one in (parts or {}).items()]
    first = component(path, role, **{"digest": "0" * 64, **more})
    family = family_at(path) or "stable_diffusion" if family is None else family
    return Model(name=name, family=family, components=(first, *beside))
