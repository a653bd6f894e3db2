"""Which modules of a folder a program finds or opens, imported or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from imagine.binary.index import module_of


def modules_by(program: str, heavy: Path) -> frozenset[str]:
    """The modules below `heavy` that the module `program` prints, run with them as in the binary: some packages import
    others where they have no sources."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(heavy), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", program, str(heavy)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return frozenset(json.loads(done.stdout))


class Recorder(MetaPathFinder):
    """Notes every module that is found, imported or not, and every file that Python opens."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        sys.addaudithook(self._hear)
        sys.meta_path.insert(sys.meta_path.index(PathFinder), self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            self.paths.add(spec.origin)
        return spec

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            self.paths.add(arguments[0])

    def modules(self, folder: str) -> set[str]:
        """The names of those below `folder`, with what was imported before this began."""
        return imported_below(folder) | _below(folder, self.paths)


def imported_below(folder: str) -> set[str]:
    """The names of the modules below `folder` that are imported."""
    specs = (getattr(module, "__spec__", None) for module in list(sys.modules.values()))
    return _below(folder, (origin for spec in specs if isinstance(origin := getattr(spec, "origin", None), str)))


def _below(folder: str, paths: Iterable[str]) -> set[str]:
    root = os.path.realpath(folder)
    full = (os.path.realpath(path) for path in paths)
    return {module_of(os.path.relpath(path, root)) for path in full if path.startswith(f"{root}/")}
