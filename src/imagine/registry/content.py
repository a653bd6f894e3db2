"""The digest of what a model holds, known within a moment: two fine-tunes of one base have two.

| what | its digest |
|---|---|
| a file of up to 64 MiB | the SHA-256 of all of it |
| a larger one | SHA-256 of its header's SHA-256, its size, and the 4 KiB in the middle of every tensor |
| one in pieces | SHA-256 of the digests of these |
| a diffusers folder | SHA-256 of the name and digest of every file of its components, and of its index |

Training changes every tensor that it trains, and merging every tensor, so a block of each tells them apart. It is no
proof against somebody who makes two files on purpose: that is the SHA-256 of the whole (`identity/whole.py`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..formats.shards import shard_from
from ..identity.stamp import FileStamp, unchanged
from ..messages import message
from ..words.entry import Entry
from ..words.errors import ModelChanged, UnusableModel
from .gguf import read_gguf
from .header import Header, parse_header, read_text
from .reading import read_exactly, regular_file
from .scan import GGUF, SUFFIXES

WHOLE = 64 * 2**20
"""Bytes up to which a file is read whole."""
BLOCK = 4096
_KINDS = (b"imagine:file:1\0", b"imagine:folder:1\0", b"imagine:pieces:1\0")
_NEVER_OPENED = ".bin"
_PIECE = 2**20


def content_digest(entry: Entry) -> str:
    """The digest of what `entry` holds, in hexadecimal.

    Raises UnusableModel where that can't be read, ModelChanged where it isn't what it was when the entry was made.
    """
    path = Path(entry.path)
    try:
        pieces = pieces_of(entry)
        if entry.format == "diffusers":
            digest = _of_folder(path, entry.files)
        else:
            digest = _of_pieces(pieces) if pieces else _of_file(path)
    except UnusableModel as error:
        if unchanged(entry.files):
            raise UnusableModel(message("model.unreadable", "model", name=entry.name, why=error.note)) from error
        digest = ""
    if not digest or not unchanged(entry.files):
        raise ModelChanged(message("model.being_changed", "model", name=entry.name))
    return digest


def body_digest(entry: Entry) -> str:
    """The SHA-256 of a safetensors file behind its header, by which AUTOMATIC1111 and Civitai know LoRAs.

    Reads all of it. Raises UnusableModel, ModelChanged.
    """
    with regular_file(Path(entry.path)) as (file, size):
        start = parse_header(read_text(file, size), size).data_start
        os.lseek(file, start, os.SEEK_SET)
        digest = _of_all(file, size - start)
    if not unchanged(entry.files):
        raise ModelChanged(message("model.being_changed", "model", name=entry.name))
    return digest


def is_whole(entry: Entry) -> bool:
    """Is the digest of its content the SHA-256 of its one file?"""
    return entry.format != "diffusers" and entry.size <= WHOLE and not pieces_of(entry)


def pieces_of(entry: Entry) -> list[Path]:
    """The files that it is cut into; none where it is one, or a folder."""
    if entry.format != "safetensors" or shard_from(Path(entry.path).name) is None:
        return []
    return [Path(stamp.path) for stamp in entry.files if Path(stamp.path).suffix.lower() in SUFFIXES]


def _of_pieces(pieces: Iterable[Path]) -> str:
    return hashlib.sha256(_KINDS[2] + b"".join(_of_file(piece).encode() for piece in pieces)).hexdigest()


def _of_folder(root: Path, members: Iterable[FileStamp]) -> str:
    sha256 = hashlib.sha256(_KINDS[1])
    for member in sorted(Path(stamp.path) for stamp in members):
        if member.suffix != _NEVER_OPENED:
            name = os.fsencode(member.relative_to(root).as_posix())
            sha256.update(b"%d:%b%b" % (len(name), name, _of_file(member).encode()))
    return sha256.hexdigest()


def _of_file(path: Path) -> str:
    with regular_file(path) as (file, size):
        if size > WHOLE and path.suffix.lower() == GGUF:
            return _of_blocks(file, read_gguf(path).header)
        if size <= WHOLE or path.suffix.lower() not in SUFFIXES:
            return _of_all(file, size)
        return _of_blocks(file, parse_header(read_text(file, size), size))


def _of_all(file: int, size: int) -> str:
    sha256 = hashlib.sha256()
    while size > 0:
        sha256.update(read_exactly(file, min(size, _PIECE)))
        size -= _PIECE
    return sha256.hexdigest()


def _of_blocks(file: int, header: Header) -> str:
    sha256 = hashlib.sha256(_KINDS[0] + bytes.fromhex(header.digest) + header.size.to_bytes(8, "little"))
    blocks = sorted(_blocks(header))
    _expect(file, blocks)
    for start, length in blocks:
        os.lseek(file, start, os.SEEK_SET)
        sha256.update(read_exactly(file, length))
    return sha256.hexdigest()


def _blocks(header: Header) -> Iterable[tuple[int, int]]:
    """Where in the file the middle of each tensor begins, and how long it is."""
    for tensor in header.tensors.values():
        if length := tensor.end - tensor.start:
            yield header.data_start + tensor.start + max(0, length - BLOCK) // 2, min(length, BLOCK)


def _expect(file: int, blocks: Iterable[tuple[int, int]]) -> None:
    """Let the system fetch them in an order of its own, where it can: half the time on a disk that turns."""
    if hasattr(os, "posix_fadvise"):
        for start, length in blocks:
            os.posix_fadvise(file, start, length, os.POSIX_FADV_WILLNEED)
