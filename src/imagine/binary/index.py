"""The list of an attached half's files: what each has to be, and which are not.

A line is a kind (`d` folder, `f` file, `x` file that can be run, `l` link), a path, and a size or a link's target, with
tabs between, in the order of the content. The launcher reads the light half's list by the same rules, see
tools/binary/launcher.c. What is attached are three archives: a line `a` begins one, and lines `b` are its blocks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ..files.shipped import UNPACKED


class BundledFile(NamedTuple):
    """One file, folder or link of a half."""

    kind: str
    path: str
    size: int = 0
    target: str = ""


class Block(NamedTuple):
    """A run of an archive's content, compressed by itself: bytes stored and unpacked, and the stored ones' digest."""

    stored: int
    size: int
    sha256: str


class Archive(NamedTuple):
    """Files that are unpacked together: their content one after the other, cut into blocks."""

    entries: list[BundledFile]
    blocks: list[Block]

    @property
    def stored(self) -> int:
        """Bytes of all blocks."""
        return sum(block.stored for block in self.blocks)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries)


class Index(NamedTuple):
    """What lies attached: its version's name, what a worker needs to draw, the rest, which it may never need, and what
    signs, which a gateway needs."""

    name: str
    needed: Archive
    rest: Archive
    signing: Archive


def text_of(index: Index) -> str:
    """The list as it is kept."""
    lines = [index.name]
    for archive in index[1:]:
        blocks = (f"b\t{block.stored}\t{block.size}\t{block.sha256}" for block in archive.blocks)
        lines += ["a", *blocks, *lines_of(archive.entries)]
    return "".join(f"{line}\n" for line in lines)


def lines_of(entries: Iterable[BundledFile]) -> Iterator[str]:
    """The entries alone."""
    for entry in entries:
        match entry.kind:
            case "d":
                yield f"d\t{entry.path}"
            case "l":
                yield f"l\t{entry.path}\t{entry.target}"
            case _:
                yield f"{entry.kind}\t{entry.path}\t{entry.size}"


def index_from(text: str) -> Index:
    """Reads what `text_of` wrote; that is part of this program, so it is trusted."""
    name, *lines = text.splitlines()
    begins = [at for at, line in enumerate(lines) if line == "a"]
    pairs = pairwise([*begins, len(lines)])
    return Index(name, *(_archive_from(lines[begin + 1 : end]) for begin, end in pairs))


def _archive_from(lines: list[str]) -> Archive:
    found = Archive([], [])
    for kind, *rest in (line.split("\t") for line in lines):
        if kind == "b":
            found.blocks.append(Block(int(rest[0]), int(rest[1]), rest[2]))
        else:
            found.entries.append(_entry_from(kind, *rest))
    return found


def _entry_from(kind: str, path: str, rest: str = "") -> BundledFile:
    return BundledFile(kind, path, target=rest) if kind == "l" else BundledFile(kind, path, int(rest or 0))


def is_right(entry: BundledFile, folder: str) -> bool:
    """Is it there, of this kind and size, unchanged, and nobody else's to change?"""
    path = f"{folder}/{entry.path}"
    try:
        about = os.lstat(path)
        if entry.kind == "l":
            return stat.S_ISLNK(about.st_mode) and os.readlink(path) == entry.target  # noqa: PTH115 - ten thousand files
    except FileNotFoundError:
        return False
    if not is_ours(about):
        return False
    if entry.kind == "d":
        return stat.S_ISDIR(about.st_mode)
    as_written = about.st_size == entry.size and int(about.st_mtime) == UNPACKED
    return stat.S_ISREG(about.st_mode) and as_written and (entry.kind == "f" or bool(about.st_mode & 0o100))


def is_ours(about: os.stat_result) -> bool:
    """May only this user and root change it?"""
    if os.name != "posix":
        return True
    return about.st_uid in (os.geteuid(), 0) and not about.st_mode & 0o022


def module_of(path: str) -> str:
    """The name of the module that a file below a folder of the import path belongs to."""
    *folders, name = path.split("/")
    if folders[-1:] == ["__pycache__"]:
        del folders[-1]
    stem = name.partition(".")[0]
    return ".".join(folders if stem == "__init__" else [*folders, stem])
