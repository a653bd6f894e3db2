"""Tar files as far as a packed model needs them: plain files one behind another, and nothing else (POSIX ustar).

What is no plain file, a link, a long name, a sparse file, an extension's header, is refused by its type before anything
of it is read, so no header decides how much is held in memory or where something lies.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ..messages import message
from ..words.errors import BadRequest

BLOCK = tarfile.BLOCKSIZE
_OCTAL = re.compile(rb"[0-7]{0,12}")
_PLAIN = (b"0", b"\0")
_CHECKSUM = slice(148, 156)


class TarMember(NamedTuple):
    """A file in one, whose bytes are the next `size` that are read."""

    name: str
    size: int


def header_of(member: TarMember) -> bytes:
    """What stands before its bytes: the same for the same name and size."""
    told = tarfile.TarInfo(member.name)
    told.size, told.mode = member.size, 0o644
    return told.tobuf(tarfile.GNU_FORMAT)


def padding_of(size: int) -> bytes:
    """What stands behind so many bytes."""
    return b"\0" * (-size % BLOCK)


END = b"\0" * (2 * BLOCK)
"""What a tar ends with."""


def members_in(file: BinaryIO) -> Iterator[TarMember]:
    """Each file of a tar; whoever takes the next has read the bytes of the one before. Raises BadRequest."""
    while True:
        header = read_exactly(file, BLOCK)
        if header == b"\0" * BLOCK:
            return
        member = _member(header)
        yield member
        read_exactly(file, len(padding_of(member.size)))


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """The next `size` bytes. Raises BadRequest where there are fewer."""
    data = file.read(size) if size else b""
    if len(data) < size:
        raise BadRequest(message("load.short", "file"))
    return data


def _member(header: bytes) -> TarMember:
    counted = sum(header) - sum(header[_CHECKSUM]) + 8 * ord(" ")
    if _number(header[_CHECKSUM]) != counted:
        raise BadRequest(message("load.tar", "file"))
    name = header[:100].rstrip(b"\0").decode("ascii", "backslashreplace")
    if header[156:157] not in _PLAIN or header[345:500].strip(b"\0"):
        raise BadRequest(message("load.member", "file", name=name[:80]))
    return TarMember(name, _number(header[124:136]))


def _number(field: bytes) -> int:
    """Octal digits, or GNU's big-endian ones behind a first bit that says so. Raises BadRequest."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ")
    if not _OCTAL.fullmatch(digits):
        raise BadRequest(message("load.tar", "file"))
    return int(digits or b"0", 8)
