"""What is said of files that a gateway lends to one of its machines: which they are, and how far their way is.

Nothing of it is a path where they lie, or will lie. A folder of components alone says what its members are called, as
its digest does: within bounds in which none can lead outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec

from ..messages import Message
from ..registry.scan import GGUF, INDEX, SAFETENSORS, SUFFIXES
from ..words.frames import FrameError
from ..words.model import Component, WeightsFormat

_MOST_FILES = 512
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TICKET = re.compile(r"[\w-]{20,100}", re.ASCII)
_ADDRESS = re.compile(r"http://(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:]{2,45}\]):[0-9]{1,5}")
_MEMBER = re.compile(r"(?:[A-Za-z0-9][\w-]{0,63}/)?[A-Za-z0-9][\w.-]{0,127}", re.ASCII)
_NEVER_OPENED = ".bin"
_OF_COMPONENTS = (SAFETENSORS, ".json", ".txt", ".model", ".jinja")
_PATIENCE, _SLOWEST = 300.0, 2**20
"""Seconds that any file may take, and bytes a second beside: whoever is slower is as good as silent."""


class LentFile(msgspec.Struct, frozen=True):
    """One file. `ticket` lets whoever has it read that, for as long as it is on its way."""

    size: int
    sha256: str
    ticket: str
    member: str = ""
    """Its place in a folder of components."""


class Lent(msgspec.Struct, frozen=True, tag_field="type", tag="lent", kw_only=True):
    """A component's files, and the address at which they are to be had; `digest` is what jobs know it by."""

    digest: str
    format: WeightsFormat
    at: str
    files: tuple[LentFile, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.size for file in self.files)


class Brought(msgspec.Struct, frozen=True, tag_field="type", tag="brought", kw_only=True):
    """How far a component is on its way: bytes that are there. Once it is over, it came, or there is a `why` not."""

    digest: str
    done: int
    is_over: bool = False
    why: Message | None = None


class MemberFile(NamedTuple):
    """A file of a component, on the machine that has it."""

    path: str
    member: str


def members_of(part: Component) -> Iterator[MemberFile]:
    """The files that a component is read of, without what only says something of it."""
    for stamp in part.files:
        path = PurePosixPath(stamp.path)
        if part.format == "diffusers":
            if path.suffix != _NEVER_OPENED:
                yield MemberFile(stamp.path, path.relative_to(PurePosixPath(part.path)).as_posix())
        elif path.suffix.lower() in (*SUFFIXES, GGUF):
            yield MemberFile(stamp.path, "")


def places_of(lent: Lent) -> list[PurePosixPath]:
    """Where each of the files goes, below the component's own folder. Raises FrameError for what isn't one."""
    if not (_DIGEST.fullmatch(lent.digest) and _ADDRESS.fullmatch(lent.at) and 0 < len(lent.files) <= _MOST_FILES):
        raise FrameError("nothing is lent so")
    for file in lent.files:
        if file.size < 0 or not (_DIGEST.fullmatch(file.sha256) and _TICKET.fullmatch(file.ticket)):
            raise FrameError("no file is lent so")
    if lent.format == "diffusers":
        return _in_folder([file.member for file in lent.files])
    called, suffix, of = lent.digest[:16], GGUF if lent.format == "gguf" else SAFETENSORS, len(lent.files)
    if of == 1:
        return [PurePosixPath(f"{called}{suffix}")]
    return [PurePosixPath(f"{called}-{number:05}-of-{of:05}{suffix}") for number in range(1, of + 1)]


def seconds_for(size: int) -> float:
    """Within which so many bytes have to come, after which nobody may ask for them any more."""
    return _PATIENCE + size / _SLOWEST


def _in_folder(members: list[str]) -> list[PurePosixPath]:
    for member in members:
        fits = _MEMBER.fullmatch(member) and member.endswith(_OF_COMPONENTS) and ".." not in member
        if not fits or ("/" not in member and member != INDEX):
            raise FrameError("no folder of components has such a file")
    if INDEX not in members or len({member.lower() for member in members}) < len(members):
        raise FrameError("this is no folder of components")
    return [PurePosixPath(member) for member in members]
