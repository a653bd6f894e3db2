"""What a worker needs to draw: the modules that one finds or opens that draws by every sampler, and what is no module.

What else the engine may import is in the binary too, and unpacked when it is imported: for a pipeline that nobody here
has, and for one schedule that takes SciPy.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from PIL import Image

from imagine.binary.index import module_of
from imagine.processes.environment import prepare_libraries
from imagine.words.model import Model
from imagine.words.recipe import GenerationParams
from imagine.words.samplers import SAMPLERS

from .compress import entries_of
from .recorder import Recorder, modules_by

if TYPE_CHECKING:
    from imagine.engine.engine import Engine

_SHIPPED = Path(__file__).parents[2] / "models.example"
_SIDE = 64
_SELDOM = "scipy"
"""What the schedule `beta` alone imports, a sixth of all that draws."""
_ABSENT = "dummy_"
"""Modules that diffusers imports in the place of packages that aren't there; where this is built more may be there than
in the binary."""


def rest_of(heavy: Path) -> frozenset[str]:
    """The paths of those files that nothing needs to draw.

    What draws has the modules of `heavy`, as in the binary: some packages import others where they have no sources.
    """
    return rest(frozenset(entry.path for entry in entries_of(heavy)), modules_by(__name__, heavy))


def rest(paths: frozenset[str], needed: frozenset[str]) -> frozenset[str]:
    """Of all files those of no needed module, with the libraries of packages none of whose extensions is needed."""
    modules = frozenset(path for path in paths if is_module(path))
    later = frozenset(path for path in modules if module_of(path) not in needed)
    extended, here = (
        {path.partition("/")[0] for path in some if path.endswith(".so")} for some in (modules, modules - later)
    )
    unused = {f"{package}.libs" for package in extended - here}  # where auditwheel puts them
    return later | frozenset(path for path in paths - modules if path.partition("/")[0] in unused)


def is_module(path: str) -> bool:
    """Is it a file that only an import opens? A library that another one loads isn't."""
    return path.endswith((".py", ".pyc")) or (path.endswith(".so") and (".cpython-" in path or ".abi3." in path))


def _needed(recorder: Recorder, folder: str) -> set[str]:
    """The modules below `folder` that a worker finds or opens: with previews, of words and then of a picture too, by
    every sampler on every schedule; of SciPy only what the first of these brings."""
    from imagine.engine.engine import Engine
    from imagine.registry.registry import Registry
    from imagine.server.gateway.gateway import model_from
    from imagine.words.frames import WorkerSettings

    registry = Registry([_SHIPPED])
    registry.refresh()
    model = model_from(registry.with_digest(registry.find("toybox")))
    engine = Engine(WorkerSettings(device="cpu", keep_alive=-1))
    _draw(engine, model, next(_recipes(model)))
    _import_all()
    usual = set(recorder.modules(folder))
    for params in _recipes(model):
        _draw(engine, model, params)
    return {name for name in recorder.modules(folder) if name in usual or not name.startswith(f"{_SELDOM}.")}


def _draw(engine: Engine, model: Model, params: GenerationParams) -> None:
    """As a worker does."""
    from imagine.words.events import Failed
    from imagine.words.frames import PreviewSettings, Submit

    preview = PreviewSettings(every=1)
    words = Submit(job="words", client="build", params=params, model=model, preview=preview)
    picture = _picture()
    params = replace(params, img=hashlib.sha256(picture).hexdigest())
    engine.submit(words)
    engine.submit(replace(words, job="picture", params=params, img=picture))
    while engine.busy:
        for report in engine.step():
            if isinstance(report, Failed):
                raise SystemExit(f"what a worker needs can't be found out: {report}")


def _recipes(model: Model) -> Iterator[GenerationParams]:
    common = GenerationParams(
        model=model.name, digest=model.digest, prompt="a red fox", width=_SIDE, height=_SIDE, num_steps=1, guidance=3.0,
        sampler="euler", seed=1,
    )  # fmt: skip
    for row in SAMPLERS.values():
        for schedule in row.schedules_for("ordinary"):
            steps = row.min_steps(schedule, "ordinary") + 1
            yield replace(common, sampler=row.name, schedule=schedule, num_steps=steps)


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (_SIDE, _SIDE), "teal").save(file, "PNG")
    return file.getvalue()


def _import_all() -> None:
    """What a worker may come to import of ours, the transformers that it steps, and what stands for what is absent."""
    import imagine.engine
    import imagine.guard
    import imagine.worker
    from imagine.engine.libraries.light import diffusers, transformer
    from imagine.engine.loading.transformer_model import TransformerKind

    for package in (imagine.engine, imagine.guard, imagine.worker):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                kind = getattr(importlib.import_module(module.name), "KIND", None)
                if isinstance(kind, TransformerKind):
                    transformer(kind.name)
    for module in pkgutil.iter_modules(diffusers.utils.__path__):
        if module.name.startswith(_ABSENT):
            importlib.import_module(f"{diffusers.utils.__name__}.{module.name}")


if __name__ == "__main__":
    prepare_libraries()
    recorder = Recorder()
    print(json.dumps(sorted(_needed(recorder, sys.argv[1]))))
