"""What makes two parts one: the files that they are read from, which network of them, and what it computes in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...words.model import Component, Model

FileId = tuple[int | str, ...]
"""Which file it is and how it was, wherever it lies: links to one file are that file."""


class PartKey(NamedTuple):
    """Equal for what is the same once it is loaded."""

    files: tuple[FileId, ...]
    network: str
    """Which one of the files' and how it is built: all that changes it and doesn't lie in the files."""
    dtype: str


def files_of(component: Component, folder: str = "") -> tuple[FileId, ...]:
    """The files of a component, or those in a `folder` of it."""
    within = f"{component.path}/{folder}/" if folder else ""
    stamps = [stamp for stamp in component.files if stamp.path.startswith(within)]
    if not stamps:
        return ((component.path, component.digest, folder),)
    return tuple((stamp.device, stamp.inode or stamp.path, stamp.size, stamp.modified) for stamp in stamps)


def is_read(component: Component, keys: Iterable[PartKey]) -> bool:
    """Is one of the parts of these keys read from a component's files?"""
    files = set(files_of(component))
    return any(not files.isdisjoint(key.files) for key in keys)


def is_of(key: PartKey | None, model: Model) -> bool:
    """Is a part of that key read from files of this model?"""
    if key is None:
        return False
    named = {(component.path, component.digest) for component in model.components}
    files = {file for component in model.components for file in files_of(component)}
    return all(file in files or file[:2] in named for file in key.files)
