"""A folder as one compressed stream: its files one after the other, in the order of `entries_of`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from imagine.binary.index import BundledFile

LEVEL = 19
WINDOW = 27
"""The base-two logarithm of the window: `imagine.binary.unpack` allows no more."""
_PIECE = 2**20


def entries_of(folder: Path) -> list[BundledFile]:
    """What lies in `folder`: folders, links, then files, alike ones beside each other since they compress best so."""
    found: list[BundledFile] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found.append(BundledFile("l", name, target=str(path.readlink())))
        elif path.is_dir():
            found.append(BundledFile("d", name))
        else:
            found.append(BundledFile("x" if os.access(path, os.X_OK) else "f", name, path.stat().st_size))
    return sorted(found, key=_order)


def compress(folder: Path, target: Path) -> None:
    """Writes the files of `folder` to `target`."""
    settings = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, window_log=WINDOW, enable_ldm=True, threads=os.cpu_count() or 1
    )
    compressor = zstandard.ZstdCompressor(compression_params=settings)
    part = target.with_name(f"{target.name}.part")
    with part.open("wb") as file, compressor.stream_writer(file) as stream:
        for piece in _pieces(folder, entries_of(folder)):
            stream.write(piece)
    part.replace(target)


def _order(entry: BundledFile) -> tuple[int, str, str]:
    if entry.kind in "dl":
        return "dl".index(entry.kind), "", entry.path
    return 2, Path(entry.path).suffix, entry.path


def _pieces(folder: Path, entries: list[BundledFile]) -> Iterator[bytes]:
    for entry in entries:
        if entry.kind in "fx":
            with (folder / entry.path).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
