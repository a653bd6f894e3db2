"""What nobody can reach of a few large packages: what stays unimported when all is imported that a model may ask for.

That is every pipeline of diffusers, what these import, and of each network of transformers among it the networks that
its configuration nests. torch's compiler and exporters aren't asked for: the binary doesn't compile.
"""

from __future__ import annotations

import contextlib
import dis
import importlib
import json
import marshal
import pkgutil
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType

from imagine.binary.index import module_of
from imagine.processes.environment import prepare_libraries

from .compress import entries_of
from .needed import is_module
from .recorder import imported_below, modules_by

BY_FOLDER = ("transformers/models", "scipy", "sympy")
"""Packages whose folders are kept whole once something of them is reached: their functions import each other."""
BY_MODULE = ("torch/_inductor", "torch/_vendor", "torch/onnx", "torch/testing")
"""Packages of which every module is kept by itself."""
_NETWORKS = "transformers.models"
_NO_LIBRARY = ("commands", "convert_", "modular_", "test_utils")
"""Modules with such a name are programs, or what transformers writes its modules from."""


def remove_unreached(heavy: Path) -> list[str]:
    """Removes it from the folder; the paths removed."""
    paths = [entry.path for entry in entries_of(heavy) if entry.kind in "fx"]
    removed = unreached(paths, modules_by(__name__, heavy))
    for path in removed:
        (heavy / path).unlink()
    for folder in BY_FOLDER:
        for place in (heavy / folder).iterdir():
            if place.is_dir() and not any(path.is_file() for path in place.rglob("*")):
                shutil.rmtree(place)
    return removed


def unreached(paths: Iterable[str], reached: frozenset[str]) -> list[str]:
    """Those files of the packages above that belong to no reached module, or to no folder with one."""
    folders = {_folder(name.replace(".", "/")) for name in reached}
    found = []
    for path in paths:
        if path.startswith(tuple(f"{package}/" for package in BY_FOLDER)):
            gone = _folder(path) is not None and _folder(path) not in folders
        elif path.startswith(tuple(f"{package}/" for package in BY_MODULE)):
            gone = is_module(path) and module_of(path) not in reached
        else:
            continue
        if gone:
            found.append(path)
    return found


def _folder(path: str) -> str | None:
    """The folder below a package that keeps its folders whole; None for what lies in the package itself."""
    for package in BY_FOLDER:
        if path.startswith(f"{package}/"):
            first, _, rest = path.removeprefix(f"{package}/").partition("/")
            inside = first != "__pycache__" and (rest or "." not in first)
            return f"{package}/{first}" if inside else None
    return None


def _reach() -> None:
    """Imports all of it."""
    import diffusers
    import transformers

    import imagine.engine
    import imagine.guard
    import imagine.maps
    import imagine.training
    import imagine.worker

    for package in (imagine.engine, imagine.guard, imagine.maps, imagine.training, imagine.worker, diffusers):
        _import_below(package)
    for module, name in _from_transformers(diffusers):
        with contextlib.suppress(Exception):  # as above
            getattr(importlib.import_module(module), name)
    for name in ("scipy.integrate", "scipy.ndimage", "scipy.stats", "transformers.generation.utils"):
        importlib.import_module(name)
    done: set[str] = set()
    while networks := _networks() - done:
        for name in sorted(networks):
            _import_below(importlib.import_module(name))
            _nest(name, transformers.PreTrainedConfig)
        done |= networks


def _from_transformers(package: ModuleType) -> Iterator[tuple[str, str]]:
    """What the modules of a package import of transformers, some of it when a function is called: module and name."""
    for path in map(Path, package.__path__):
        for compiled in path.rglob("*.py*"):
            source = compiled.read_bytes()
            code = marshal.loads(source[16:]) if compiled.suffix == ".pyc" else compile(source, str(compiled), "exec")
            yield from _imported(code)


def _imported(code: CodeType) -> Iterator[tuple[str, str]]:
    module = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            module = instruction.argval
        elif instruction.opname == "IMPORT_FROM" and module.partition(".")[0] == "transformers":
            yield module, instruction.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _imported(inner)


def _networks() -> set[str]:
    """The folders of transformers' networks of which something is imported."""
    return {".".join(name.split(".")[:3]) for name in list(sys.modules) if name.startswith(f"{_NETWORKS}.")}


def _nest(network: str, config: type) -> None:
    """Makes its configurations as they are by default, which imports those of the networks that it is made of."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{network}.configuration_"):
            for found in list(vars(module).values()):
                if isinstance(found, type) and issubclass(found, config) and found.__module__ == name:
                    with contextlib.suppress(Exception):  # some have no defaults
                        found()


def _import_below(package: ModuleType) -> None:
    for name in _names(package):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - what it requires isn't there, here or in the binary
            print(f"not for the binary: {name}, since {str(error).strip().partition(chr(10))[0]}", file=sys.stderr)


def _names(package: ModuleType) -> Iterator[str]:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None):
        if not any(part.startswith((*_NO_LIBRARY, "__main__")) for part in module.name.split(".")):
            yield module.name


if __name__ == "__main__":
    prepare_libraries()
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        _reach()
    print(json.dumps(sorted(imported_below(sys.argv[1]))))
