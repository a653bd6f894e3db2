"""A file or folder of this machine that joins the models: by a link, as a copy, or moved there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

from ..files.writing import name_anew, sync_folder
from ..messages import message
from ..registry.describe import describe
from ..registry.scan import GGUF, INDEX, REFUSED, SUFFIXES, scan_one
from ..words.errors import BadRequest
from .checked import sha256_of
from .folder_copy import copy_folder
from .partial import aside
from .record import PullRecord, note_record
from .trouble import DownloadFailed

TakingIn = Literal["link", "copy", "move"]


def take_in(path: Path, root: Path, way: TakingIn) -> Path:
    """Where it lies now among the models. Raises BadRequest, DownloadFailed, OSError."""
    path = path.absolute()
    if not path.exists():
        raise BadRequest(message("pull.no_path", "model", value=str(path)))
    _check(path)
    target = root / path.name
    if target.exists() or target.is_symlink():
        if target.samefile(path):
            return target
        raise DownloadFailed(message("pull.in_the_way", name=target.name))
    root.mkdir(parents=True, exist_ok=True)
    if way == "link":
        target.symlink_to(path, target_is_directory=path.is_dir())
    else:
        _bring(path, target, way)
    if target.is_file():
        note_record(target, PullRecord(f"file:{path}", sha256=sha256_of(target), size=target.stat().st_size))
    return target


def _check(path: Path) -> None:
    """Raises BadRequest for what is no model, or could run code."""
    suffix = path.suffix.lower()
    if path.is_dir():
        if not (path / INDEX).is_file():
            raise BadRequest(message("pull.no_folder", "model", value=path.name))
    elif suffix in REFUSED or suffix == ".pkl":
        raise BadRequest(message("pull.pickle", "model", value=path.name))
    elif suffix not in (*SUFFIXES, GGUF):
        raise BadRequest(message("pull.no_weights", "model", value=path.name))
    scanned = scan_one(path)
    entry = None if scanned is None else describe(scanned)
    if entry is not None and not entry.header_digest:
        why = entry.problem or message("unfit.header_object")
        raise BadRequest(message("pull.damaged", "model", name=path.name, why=why))


def _bring(path: Path, target: Path, way: TakingIn) -> None:
    """A copy that is whole before it has its name; what is moved goes there at once where that is the same disk."""
    if way == "move" and path.stat().st_dev == target.parent.stat().st_dev:
        name_anew(path, target)
        sync_folder(target.parent)
        return
    if path.is_dir():
        copy_folder(path, target)
    else:
        partial = aside(target)
        try:
            shutil.copyfile(path, partial)
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            name_anew(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    sync_folder(target.parent)
    if way == "move" and path.is_dir():
        shutil.rmtree(path)
    elif way == "move":
        path.unlink()
