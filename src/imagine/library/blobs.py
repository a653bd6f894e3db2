"""Files that were sent to be made models of: kept by their digests, in a hidden folder, until a model takes them.

They lie beside the models, so that taking one is a second name and no copy. What none takes goes after an hour.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ..files.writing import TEMPORARY, sync_folder
from ..messages import message
from ..registry.gguf import read_gguf
from ..registry.header import read_header
from ..registry.scan import GGUF, SUFFIXES
from ..words.errors import BadRequest, DownloadFailed, UnusableModel

FOLDER = ".blobs"
MOST = 2**37
"""Bytes of one: more than any model's file has."""
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_NAME = re.compile(r"\w[\w.\-+ ]{0,199}")
_SPARE = 10**9
_SHARE = 0.05
_KEPT = 3600.0
"""Seconds for which one that no model takes stays."""


def blob_at(root: Path, digest: str) -> Path:
    """Where the file of that digest lies, or would. Raises BadRequest for what is none."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise BadRequest(message("blob.digest", "digest", value=digest[:80]))
    return root / FOLDER / f"sha256-{match[1]}"


def checked_blob(root: Path, digest: str, name: str) -> Path:
    """The file of that digest, which came and whose header is one of weights of that name. Raises BadRequest."""
    path, suffix = blob_at(root, digest), Path(name).suffix.lower()
    if not _NAME.fullmatch(name) or suffix not in (*SUFFIXES, GGUF):
        raise BadRequest(message("blob.name", "files", value=name[:80]))
    if not path.is_file():
        raise BadRequest(message("blob.absent", "files", value=digest[:80]))
    try:
        read_gguf(path) if suffix == GGUF else read_header(path)
    except UnusableModel as error:
        raise BadRequest(message("pull.damaged", "files", name=name, why=error.note)) from error
    return path


def sweep_blobs(root: Path, now: float | None = None) -> None:
    """Removes what nobody took or went on writing for an hour, and what a kill left of sidecars; `now` is a Unix
    time."""
    now = time.time() if now is None else now
    for folder, beginning in ((root / FOLDER, ""), (root, TEMPORARY)):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for path in [Path(entry.path) for entry in entries if entry.name.startswith(beginning)]:
                with contextlib.suppress(OSError):  # another server sweeps too
                    if now - _written(path) > _KEPT:
                        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _written(path: Path) -> float:
    """When it, or a file in it, was last written: a large one may take hours, and its folder tells nothing of that."""
    return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))


class IncomingBlob:
    """One that is on its way, under a name that nobody takes it by. For a thread: each call writes, or reads."""

    def __init__(self, root: Path, digest: str, size: int | None) -> None:
        """`size` is how many bytes it says it has. Raises BadRequest, DownloadFailed, OSError."""
        self._target = blob_at(root, digest)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._room = min(MOST, int((shutil.disk_usage(self._target.parent).free - _SPARE) / (1 + _SHARE)))
        self._check_room(size or 0)
        self._path = self._target.with_name(f"{TEMPORARY}{os.urandom(8).hex()}.tmp")
        self._file: BinaryIO = self._path.open("xb")
        self._digest, self._size = hashlib.sha256(), 0

    def __enter__(self) -> IncomingBlob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Raises DownloadFailed for more than there is room for, OSError."""
        self._check_room(self._size + len(piece))
        self._file.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def keep(self) -> None:
        """Gives it its name, once all of it is there. Raises BadRequest where it has another digest, OSError."""
        digest = self._digest.hexdigest()
        if self._target.name != f"sha256-{digest}":
            raise BadRequest(message("blob.other", "digest", value=self._target.name[7:], digest=digest))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._path.replace(self._target)
        sync_folder(self._target.parent)

    def _check_room(self, size: int) -> None:
        if size > self._room:
            raise DownloadFailed(message("blob.room", size=f"{size / 1e9:.1f}", free=f"{max(0, self._room) / 1e9:.1f}"))
