"""Writing an attached half's files: each under another name, then renamed, so that it is absent or whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import zstandard

from ..messages import in_english
from ..words.errors import ImagineError
from .index import STAMP, BundledFile, Index, is_right

_PIECE = 2**20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_WINDOW = 2**27
"""The largest window that the compressor was told to use."""


def unpack(index: Index, file: BinaryIO, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Writes what of `index` is not right in `folder`; `file` stands where the compressed bytes begin.

    `progress` is called with bytes done and bytes in all. Raises ImagineError for damaged bytes, and OSError;
    what this call had written is then removed, so that a full disk isn't left full.
    """
    _check(index, file)
    written: list[str] = []
    done, size = 0, index.size
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(file, closefd=False) as stream:
            for entry in index.entries:
                right = is_right(entry, str(folder))
                if not right and entry.kind not in "fx":
                    _make(entry, folder)
                elif not right:
                    written.append(f"{folder}/{entry.path}")
                    _write(entry, written[-1], stream)
                else:
                    _skip(entry, stream)
                done += entry.size
                progress(done, size)
    except BaseException:
        for path in written:
            for name in (path, f"{path}.part"):
                Path(name).unlink(missing_ok=True)
        raise


def _check(index: Index, file: BinaryIO) -> None:
    """Nothing is written of bytes that aren't what was built."""
    begin = file.tell()
    sha256 = hashlib.sha256()
    left = index.stored
    while left and (piece := file.read(min(_PIECE, left))):
        sha256.update(piece)
        left -= len(piece)
    if left or sha256.hexdigest() != index.sha256:
        raise ImagineError(in_english(f"{getattr(file, 'name', 'the binary')} is damaged: download it again"))
    file.seek(begin)


def _make(entry: BundledFile, folder: Path) -> None:
    """A folder or a link, in place of whatever is there."""
    path = folder / entry.path
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    if entry.kind == "d":
        path.mkdir(mode=0o700)
    else:
        path.symlink_to(entry.target)


def _write(entry: BundledFile, path: str, stream: zstandard.ZstdDecompressionReader) -> None:
    """A file, of the next bytes in `stream`. Fifteen thousand times: hence no more system calls than it takes."""
    part = f"{path}.part"
    mode = 0o755 if entry.kind == "x" else 0o644
    try:
        descriptor = os.open(part, _NEW, mode)
    except FileExistsError:  # of a start that was killed
        Path(part).unlink()
        descriptor = os.open(part, _NEW, mode)
    try:
        left = entry.size
        while left:
            piece = stream.read(min(_PIECE, left))
            assert piece, "the digest was right"
            _write_all(descriptor, piece)
            left -= len(piece)
    finally:
        os.close(descriptor)
    os.utime(part, (STAMP, STAMP))
    try:
        os.replace(part, path)  # noqa: PTH105 - as above
    except IsADirectoryError:
        shutil.rmtree(path)
        Path(part).replace(path)


def _write_all(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _skip(entry: BundledFile, stream: zstandard.ZstdDecompressionReader) -> None:
    left = entry.size
    while left:
        left -= len(stream.read(min(_PIECE, left)))
