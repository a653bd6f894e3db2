"""The heavy half as a folder: what pip installed for the engine, without what an engine never opens.

Everything that `pip install` would bring is there, since a pipeline published tomorrow may import any of it; only what
is named here is left out. What each exclusion saved stands in docs/binary.md.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib.metadata
import importlib.util
import os
import py_compile
import re
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

ENGINE = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "scipy", "numpy", "torchsde", "tokenizers")
"""What the engine and the guard import; what these require comes along."""

SIGNING = ("c2pa-python", "cffi", "cryptography")
"""What signs pictures and reads signatures, in a folder of its own, without what these require besides."""

IN_LIGHT = ("click", "msgspec", "pillow", "psutil", "pyyaml", "rich")
"""Required by both halves: the light one carries them whole, here only their metadata is kept."""

WITHOUT = {
    "setuptools": "torch builds extensions with it",
    "hf-xet": "downloads from the Hub",
    "networkx": "torch.compile",
    "triton": "torch.compile on a GPU; it would need a C compiler there",
    "typer": "the commands of transformers and the Hub",
}
"""Distributions that are required, and left out: what they are for."""

LEFT_OUT = (
    "torch/bin/*", "torch/test/*", "torch/include/*", "torch/share/*", "torch/lib/*_test.so", "functorch/*",
    "torch/testing/_internal/generated/*", "torch/utils/benchmark/*", "numpy/distutils/*",
    "transformers/models/*/modular_*", "transformers/models/*/convert_*", "transformers/cli/*", "diffusers/commands/*",
    "huggingface_hub/cli/*",
    "*/tests/*", "*/benchmarks/*", "*/__pycache__/*", "*.pyi", "*.pyx", "*.pxd", "*.h", "*.hpp", "*.cuh", "*.c",
    "*.cpp", "*.a", "*.lib", "*.cmake", "*/py.typed", "*.bc",
    "*.rlib", "*.d", "c2pa/build.py", "c2pa/scripts/*", "cffi/*",
    "nvidia/*/libcusolverMg.so*", "nvidia/*.alt.so*", "nvidia/*/libnvperf_*", "nvidia/*/libpcsamplingutil.so",
    "nvidia/*/libcheckpoint.so", "nvidia/*/libnvblas.so*", "nvidia/*/libcufftw.so*",
)  # fmt: skip
"""What is left out of what pip installed, as patterns of paths: tools, sources, and what torch links nowhere."""

KEPT = ("torch/bin/torch_shm_manager",)
"""What those patterns hit and is needed: torch refuses to be imported without it."""

WITH_SOURCE = ("torch/*", "transformers/*", "diffusers/pipelines/kolors/*")
"""Modules that read source when they run: torch.jit's and what it compiles, torch's own configuration, transformers'
list of its models."""

_META = ("METADATA", "RECORD", "top_level.txt")
_LINKED = 2**16
"""Bytes from which on a file that lies there twice is a link to the first: compilers' libraries, which wheels bring."""


def closure(roots: tuple[str, ...], without: frozenset[str]) -> dict[str, importlib.metadata.Distribution]:
    """The installed distributions that these require, themselves included, by normalized name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    visited: set[tuple[str, str]] = set()
    waiting = [(_normalized(root), "") for root in roots]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in visited or name in without:
            continue
        visited.add((name, extra))
        found[name] = importlib.metadata.distribution(name)
        for required in map(Requirement, found[name].requires or ()):
            if required.marker is None or required.marker.evaluate({"extra": extra}):
                waiting += [(_normalized(required.name), asked) for asked in ("", *required.extras)]
    return dict(sorted(found.items()))


def collect(target: Path) -> None:
    """Fills `target` anew; it can then be an entry of `sys.path`."""
    shutil.rmtree(target, ignore_errors=True)
    for name, distribution in closure(ENGINE, frozenset(WITHOUT)).items():
        _take_all(distribution, target, modules=name not in IN_LIGHT)


def collect_signing(target: Path) -> None:
    """As `collect`, what signs; nothing where there is no build of it for this system."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in SIGNING:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            _take_all(importlib.metadata.distribution(name), target, modules=True)


def _take_all(distribution: importlib.metadata.Distribution, target: Path, *, modules: bool) -> None:
    for source, path in _files(distribution):
        if ".dist-info/" in str(path):
            if path.name in _META or "licen" in str(path).lower():
                _copy(source, target / path)
            if path.name == "RECORD":
                _shorten(target / path)
        elif modules and (str(path) in KEPT or not _any(path, LEFT_OUT)):
            _take(source, path, target)


def _files(distribution: importlib.metadata.Distribution) -> Iterator[tuple[Path, PurePosixPath]]:
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." not in file.parts and source.is_file():
            yield source, PurePosixPath(file)


def _take(source: Path, path: PurePosixPath, target: Path) -> None:
    if path.suffix != ".py":
        _copy(source, target / path)
        return
    with_source = _any(path, WITH_SOURCE)
    compiled = target / path.with_suffix(".pyc")
    if with_source:
        compiled = Path(importlib.util.cache_from_source(str(target / path)))
    try:
        py_compile.compile(
            str(source),
            cfile=str(compiled),
            dfile=str(path),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except py_compile.PyCompileError:
        return  # written for another version of Python: nobody can import it here
    if with_source:
        _copy(source, target / path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if str(target).endswith(KEPT) else 0o644)


def _shorten(record: Path) -> None:
    """A list of installed files, without their digests, which pip alone would read and which don't compress."""
    names = [row[0] for row in csv.reader(record.read_text(encoding="utf-8").splitlines())]
    with record.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([name, "", ""] for name in names)


def link_alike(folder: Path) -> None:
    """Makes a library that lies there again, byte by byte, a link to the first of its name."""
    first: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("*.so*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size >= _LINKED:
            same = first.setdefault((path.name, hashlib.sha256(path.read_bytes()).hexdigest()), path)
            if same != path:
                path.unlink()
                path.symlink_to(os.path.relpath(same, path.parent))


def _any(path: PurePosixPath, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(str(path), pattern) for pattern in patterns)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
