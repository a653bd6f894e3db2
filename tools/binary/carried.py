"""What the built binary carries, as a table by package: unpacked, and as it is stored. `python -m tools.binary.carried`

A block of the heavy half holds files of several packages, each of which is given its share of the stored bytes; the
light half is one block, so what its packages come to is told of each by itself.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lz4.block

from imagine.binary.attached import INDEX
from imagine.binary.index import Archive, index_from

from .build import ROOT
from .compress import entries_of


class Carried(NamedTuple):
    """A package, or a part of one: in which half it is, its files, and their bytes."""

    half: str
    package: str
    files: int
    unpacked: int
    stored: float


def carried(work: Path, depth: int) -> list[Carried]:
    """What a build in the folder `work` carries, the largest first; `depth` parts of a path name a package."""
    index = index_from((work / "light" / INDEX).read_text(encoding="utf-8"))
    found = [*_of_light(work / "light", depth)]
    for half, archive in (("to draw", index.needed), ("the rest", index.rest), ("to sign", index.signing)):
        found += _of_archive(half, archive, depth)
    return sorted(found, key=lambda one: -one.stored)


def _of_light(folder: Path, depth: int) -> Iterator[Carried]:
    content: dict[str, list[bytes]] = defaultdict(list)
    for entry in entries_of(folder):
        if entry.kind in "fx":
            name = _package(entry.path.removeprefix("_internal/"), depth)
            content[name].append((folder / entry.path).read_bytes())
    for name, files in content.items():
        raw = b"".join(files)
        stored = lz4.block.compress(raw, mode="high_compression", compression=12)
        yield Carried("light", name, len(files), len(raw), len(stored))


def _of_archive(half: str, archive: Archive, depth: int) -> Iterator[Carried]:
    files: dict[str, int] = defaultdict(int)
    unpacked: dict[str, int] = defaultdict(int)
    stored: dict[str, float] = defaultdict(float)
    blocks = iter(archive.blocks)
    left, each = 0, 0.0
    for entry in archive.entries:
        if entry.kind not in "fx":
            continue
        name, size = _package(entry.path, depth), entry.size
        files[name] += 1
        unpacked[name] += size
        while size:
            if not left:
                block = next(blocks)
                left, each = block.size, block.stored / block.size
            taken = min(size, left)
            stored[name] += taken * each
            size, left = size - taken, left - taken
    for name, number in files.items():
        yield Carried(half, name, number, unpacked[name], stored[name])


def _package(path: str, depth: int) -> str:
    return "/".join(path.split("/")[:depth])


def table(found: list[Carried], least: float) -> str:
    """Those of at least so many stored bytes, and what the others come to."""
    lines = ["| stored MB | unpacked MB | files | half | package |", "| --- | --- | --- | --- | --- |"]
    small = [one for one in found if one.stored < least]
    sums = (sum(one.files for one in small), sum(one.unpacked for one in small), sum(one.stored for one in small))
    others = Carried("", "others", *sums)
    for one in [*(one for one in found if one.stored >= least), others]:
        sizes = f"{one.stored / 1e6:.1f} | {one.unpacked / 1e6:.1f}"
        lines.append(f"| {sizes} | {one.files} | {one.half} | {one.package} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "build/binary", help="the folder that it was built in")
    parser.add_argument("--depth", type=int, default=1, help="how many parts of a path name a package")
    parser.add_argument("--least", type=float, default=0.5, help="MB stored from which on one is told by itself")
    options = parser.parse_args()
    print(table(carried(options.work, options.depth), options.least * 1e6))
