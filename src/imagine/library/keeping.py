"""Models that are kept: removed, with parts that were pulled for them alone, copied, renamed, held against digests."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..files.writing import name_anew, sync_folder
from ..messages import message
from ..registry.registry import Registry
from ..registry.scan import INDEX, NAMED
from ..words.entry import Entry
from ..words.errors import BadRequest, ModelNotFound, UnusableModel
from ..words.model_names import matching, similar
from .checked import sha256_of
from .creating import MADE_NAME, OF_NAMED
from .folder_copy import copy_folder
from .partial import SUFFIX as PARTIAL
from .partial import aside, beside
from .record import SUFFIX, PullRecord, record_of

_NAME = re.compile(r"\w[\w.\-+ ]{0,199}")
_IN_CACHE = "/snapshots/"
_NAMED_USERS = 10
_DAMAGED = ("damaged", "changed")


class Removal(NamedTuple):
    """What goes with a model, and what stays."""

    entry: Entry
    parts: tuple[Entry, ...]
    """What was pulled for it and no other model uses."""
    kept: tuple[Entry, ...]
    """What others use, or the owner brought."""

    @property
    def size(self) -> int:
        """Bytes that are freed."""
        return sum(_own_size(each) for each in (self.entry, *self.parts))


def find(registry: Registry, name: str) -> Entry:
    """The file of that name, a model before any other kind. Raises ModelNotFound."""
    entries = sorted(registry.files(), key=lambda entry: not entry.generates)
    names = list(dict.fromkeys(entry.name for entry in entries))
    match = matching(name, names)
    if match is None:
        raise ModelNotFound(name, similar=similar(name, names))
    return next(entry for entry in entries if entry.name == match)


def removal_of(entry: Entry, registry: Registry) -> Removal:
    """What removing it comes to. Raises UnusableModel for what isn't ours to remove."""
    _check_own(entry)
    if users := [each.name for each in registry.named_of(entry)]:
        raise UnusableModel(message("keep.used", "model", value=entry.name, names=", ".join(users[:_NAMED_USERS])))
    if entry.is_named:
        return Removal(entry, (), ())
    others = [each for each in registry.files() if each.path != entry.path]
    used = {name for each in others if each.generates for name in (each.vae, *each.encoders)}
    beside_it = [each for each in others if each.name in (entry.vae, *entry.encoders) and not each.shipped]
    alone = [
        each for each in beside_it
        if each.name not in used and not registry.named_of(each) and record_of(Path(each.path)) is not None
    ]  # fmt: skip
    return Removal(entry, tuple(alone), tuple(each for each in beside_it if each not in alone))


def remove(removal: Removal, roots: Sequence[Path]) -> None:
    """Removes it, and folders that are empty then. What has a file open goes on with it; stopped on the way, it is
    still listed, to be removed. Raises OSError."""
    for entry in (removal.entry, *removal.parts):
        path = Path(entry.path)
        beside(path, SUFFIX).unlink(missing_ok=True)
        for file in reversed(_files(entry)):  # last what it is listed by
            for each in (beside(file, PARTIAL), beside(file, SUFFIX), file):
                each.unlink(missing_ok=True)
        if path.is_dir():
            for folder in sorted(path.glob("*/"), reverse=True):
                _remove_empty(folder)
            _remove_empty(path)
        if path.parent not in roots:
            _remove_empty(path.parent)


def copy(entry: Entry, name: str, registry: Registry) -> Path:
    """The same under a second name, whose bytes are shared where the disk can. Raises BadRequest, OSError."""
    target = _place_for(entry, name, registry)
    path = Path(entry.path)
    with _noted(path, target):
        if path.is_dir():
            copy_folder(path, target, _second)
        else:
            (_copied if entry.is_named else _second)(path, target)  # lines can be written anew, of one of them alone
    sync_folder(target.parent)
    return target


def rename(entry: Entry, name: str, registry: Registry) -> Path:
    """Gives it another name, with what lies beside it. Raises BadRequest, OSError."""
    if users := [each.name for each in registry.named_of(entry)]:
        raise UnusableModel(message("keep.used", "model", value=entry.name, names=", ".join(users[:_NAMED_USERS])))
    target = _place_for(entry, name, registry)
    path = Path(entry.path)
    with _noted(path, target) as notes:
        name_anew(path, target)
    for note in notes:
        note.unlink()
    sync_folder(target.parent)
    return target


def called(path: Path) -> str:
    """What a file's model is called."""
    return path.name.removesuffix(NAMED) if path.name.endswith(NAMED) else path.stem


class Checked(NamedTuple):
    """A file held against what was noted of it."""

    name: str
    state: str
    """`whole`; `damaged`, of the same size and other bytes; `changed`; `unknown`, where nothing is noted."""
    size: int

    @property
    def is_bad(self) -> bool:
        """Isn't it what was pulled?"""
        return self.state in _DAMAGED


def verified(entries: Sequence[Entry], told: Callable[[str, int, int], None]) -> Iterator[Checked]:
    """Each file, read whole. `told` hears of which, and how many bytes of how many. Raises OSError."""
    for entry in entries:
        path, record = Path(entry.path), record_of(Path(entry.path))
        if record is None or not (record.sha256 or record.files):
            yield Checked(entry.name, "unknown", entry.size)
            continue
        yield Checked(entry.name, _state(path, record, entry.name, told), entry.size)


def _state(path: Path, record: PullRecord, name: str, told: Callable[[str, int, int], None]) -> str:
    wanted = {path / file: digest for file, digest in record.files.items()} or {path: record.sha256}
    wanted = {file: digest for file, digest in wanted.items() if len(digest) == 64}
    for file, digest in wanted.items():
        if not file.is_file():
            return "changed"
        size = file.stat().st_size
        if sha256_of(file, lambda done, size=size: told(name, done, size)) != digest:  # type: ignore[misc]
            return "damaged" if record.files or size == record.size else "changed"
    return "whole"


def _check_own(entry: Entry) -> None:
    if entry.shipped:
        raise UnusableModel(message("keep.shipped", "model", value=entry.name))
    if _IN_CACHE in entry.path:
        raise UnusableModel(message("keep.hub", "model", value=entry.name))


def _place_for(entry: Entry, name: str, registry: Registry) -> Path:
    """Where it lies under another name. Raises BadRequest, UnusableModel."""
    _check_own(entry)
    fits = (MADE_NAME if entry.is_named else _NAME).fullmatch(name) and not name.endswith(OF_NAMED)
    if not fits or name != name.strip():
        raise BadRequest(message("keep.name", "destination", value=name[:200]))
    path = Path(entry.path)
    suffix = NAMED if entry.is_named else "" if path.is_dir() else path.suffix
    target = path.with_name(name.removesuffix(suffix) + suffix)
    if (
        len(entry.files) > 1
        and not entry.is_named
        and entry.format != "diffusers"
        and not path.with_suffix(".yaml").exists()
    ):
        raise UnusableModel(message("keep.pieces", "model", value=entry.name))
    taken = any(each.name == target.name.removesuffix(suffix) for each in registry.files() if each.path != entry.path)
    if taken or target.exists() or target.is_symlink():
        raise BadRequest(message("keep.taken", "destination", value=name))
    return target


def _files(entry: Entry) -> list[Path]:
    """What it is made of. Where that is reached by a link, the link: what it leads to is the owner's own."""
    path = Path(entry.path)
    files = [Path(stamp.path) for stamp in entry.files] or [path]
    if path.is_symlink():
        return [path, *(file for file in files if file.parent == path.parent)]
    if entry.format == "diffusers" and not entry.is_named:
        inside = [file for file in path.rglob("*") if file.suffix in (".safetensors", ".json", ".txt", ".model")]
        links = [child for child in path.glob("*") if child.is_symlink() and child.is_dir()]
        files = [file for file in (path / INDEX, *files, *inside) if not any(map(file.is_relative_to, links))]
        files = [*dict.fromkeys(files), *links]
    return files


def _own_size(entry: Entry) -> int:
    """Bytes that nobody else holds: one of several names frees nothing."""
    path = Path(entry.path)
    if entry.is_named:
        return sum(stamp.size for stamp in entry.files)
    return 0 if path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1) else entry.size


@contextlib.contextmanager
def _noted(path: Path, target: Path) -> Iterator[list[Path]]:
    """Sidecar and notes lie beside the second name before it is given: without them it would be another model. They
    are what it yields. Raises BadRequest where that name is taken."""
    pairs = [(path.with_suffix(".yaml"), target.with_suffix(".yaml"))] if _has_sidecar(path, target) else []
    pairs += [(old, beside(target, SUFFIX)) for old in [beside(path, SUFFIX)] if old.exists()]
    brought = list[Path]()
    try:
        for old, new in pairs:
            if not (new.exists() and new.read_bytes() == old.read_bytes()):  # it lies there where a kill came between
                _copied(old, new)
                brought.append(new)
        yield [old for old, _ in pairs]
    except BaseException as error:
        for new in brought:
            new.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise BadRequest(message("keep.taken", "destination", value=called(target))) from error
        raise


def _has_sidecar(path: Path, target: Path) -> bool:
    """Has it one to take along? Raises BadRequest where one of nobody's would be taken for its own."""
    if path.is_dir() or path.name.endswith(NAMED):
        return False
    has = path.with_suffix(".yaml").exists()
    if not has and target.with_suffix(".yaml").exists():
        raise BadRequest(message("keep.taken", "destination", value=target.stem))
    return has


def _second(path: str | Path, target: str | Path) -> None:
    """A second name of the same bytes; on a disk without such, a copy. Raises FileExistsError, OSError."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        _copied(Path(path), Path(target))


def _copied(path: Path, target: Path) -> None:
    """Bytes of its own, which are all there before they have the name. Raises FileExistsError, OSError."""
    partial = aside(target)
    try:
        shutil.copyfile(path, partial)
        name_anew(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
