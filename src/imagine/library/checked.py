"""What came, held against what it should be: its digest as the site says it, and its header as its format has it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ..files.reading import regular_file
from ..messages import message
from ..registry.gguf import read_gguf
from ..registry.header import read_header
from ..registry.reading import read_exactly
from ..registry.scan import GGUF, SUFFIXES
from ..words.errors import UnusableModel
from .offer import RemoteFile
from .trouble import DownloadFailed

_PIECE = 4 * 2**20


def check_file(path: Path, file: RemoteFile, told: Callable[[int], None]) -> str:
    """The SHA-256 of what lies at `path`, if it is that file and whole. `told` hears how many bytes are read.

    Raises DownloadFailed, OSError. For a thread: it reads all of it.
    """
    sha256, blob = _digests(path, told, of_git=bool(file.blob))
    if file.sha256 and sha256 != file.sha256:
        raise DownloadFailed(message("pull.digest", name=file.last, expected=file.sha256, digest=sha256))
    if file.blob and not file.sha256 and blob != file.blob:
        raise DownloadFailed(message("pull.digest", name=file.last, expected=file.blob, digest=blob))
    try:
        if file.last.lower().endswith(SUFFIXES):
            read_header(path)
        elif file.last.lower().endswith(GGUF):
            read_gguf(path)
    except UnusableModel as error:
        raise DownloadFailed(message("pull.damaged", name=file.last, why=error.note)) from error
    return sha256


def sha256_of(path: Path, told: Callable[[int], None] = lambda _: None) -> str:
    """The SHA-256 of a whole file. Raises OSError. For a thread."""
    return _digests(path, told, of_git=False)[0]


def _digests(path: Path, told: Callable[[int], None], *, of_git: bool) -> tuple[str, str]:
    """SHA-256, and git's own of a blob where that is asked for: a second digest of gigabytes takes as long again."""
    with regular_file(path) as (file, size):
        sha256, blob, at = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), 0
        while at < size:
            data = read_exactly(file, min(_PIECE, size - at))
            sha256.update(data)
            if of_git:
                blob.update(data)
            at += len(data)
            told(at)
        return sha256.hexdigest(), blob.hexdigest()
