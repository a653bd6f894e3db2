"""Folders as archives in one file, what draws, the rest, and what signs: blocks, each compressed by itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import zstandard

from imagine.binary.index import Archive, Block, BundledFile, Index

LEVEL = 19
BLOCK = 2**24
"""Bytes that a block holds at most; docs/binary.md tells what other sizes come to."""


class _Run(NamedTuple):
    """Bytes of a file, a block's or some of it."""

    path: Path
    at: int
    size: int


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


def compress(
    folder: Path, rest: frozenset[str], signing: Path, target: Path, *, level: int = LEVEL, most: int = BLOCK
) -> Index:
    """Writes the files of `folder` to `target`, those that `rest` names last, then those of `signing`; the index,
    nameless.

    A block holds `most` bytes. Those that an earlier call made are taken from the folder `blocks` beside `target`,
    which keeps no others.
    """
    kept = target.with_name("blocks")
    kept.mkdir(parents=True, exist_ok=True)
    entries = entries_of(folder)
    halves = [[entry for entry in entries if (entry.path in rest) is later] for later in (False, True)]
    parts = [*((folder, half) for half in halves), (signing, entries_of(signing))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = [list(pool.map(lambda runs: _block(runs, level, kept), _cut(*part, most))) for part in parts]
    part = target.with_name(f"{target.name}.part")
    paths = [path for blocks in made for path, _ in blocks]
    with part.open("wb") as file:
        for path in paths:
            file.write(path.read_bytes())
    part.replace(target)
    for path in set(kept.iterdir()) - set(paths):
        path.unlink()
    archives = [Archive(files, [block for _, block in blocks]) for (_, files), blocks in zip(parts, made, strict=True)]
    return Index("", *archives)


def _order(entry: BundledFile) -> tuple[int, str, str]:
    if entry.kind in "dl":
        return "dl".index(entry.kind), "", entry.path
    return 2, Path(entry.path).suffix, entry.path


def _cut(folder: Path, entries: Iterable[BundledFile], most: int) -> list[list[_Run]]:
    """Blocks: a large file has its own, so that a change elsewhere leaves them as they are; small ones share."""
    blocks: list[list[_Run]] = [[]]
    room = most
    for entry in (entry for entry in entries if entry.kind in "fx"):
        for at in range(0, entry.size, most) or [0]:
            run = _Run(folder / entry.path, at, min(most, entry.size - at))
            if run.size > room or (run.size == most and room < most):
                blocks.append([])
                room = most
            blocks[-1].append(run)
            room -= run.size
    return blocks


def _block(runs: list[_Run], level: int, kept: Path) -> tuple[Path, Block]:
    """Where it lies compressed, and what it is."""
    raw = b"".join(map(_bytes, runs))
    path = kept / hashlib.sha256(raw + bytes([level])).hexdigest()
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(zstandard.ZstdCompressor(level=level).compress(raw))
        part.replace(path)
    stored = path.read_bytes()
    return path, Block(len(stored), len(raw), hashlib.sha256(stored).hexdigest())


def _bytes(run: _Run) -> bytes:
    with run.path.open("rb") as file:
        file.seek(run.at)
        return file.read(run.size)
