"""Which files and folders under the owner's roots look like models: names and times only, nothing is opened."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..files.shipped import since
from ..formats.shards import shard_from, wholes_in
from ..identity.stamp import FileStamp, stamp_from
from ..messages import Message, message
from ..words.entry import Format
from .hub import main_file, main_of, repository_of
from .reading import reason
from .visited import Visited

SAFETENSORS = ".safetensors"
SUFFIXES = (SAFETENSORS, ".sft")
"""Of files in this format."""
GGUF = ".gguf"
INDEX = "model_index.json"
_OF_COMPONENTS = (SAFETENSORS, ".json", ".txt", ".model", ".jinja", ".bin")
_PICKLE = message("unfit.pickle")
_FOREIGN = message("unfit.format")
NAMED = ".imagine.yaml"
"""What the name of a file ends in that makes a model of others by name."""
REFUSED = {
    ".ckpt": _PICKLE, ".pt": _PICKLE, ".pth": _PICKLE, ".bin": _PICKLE, ".onnx": _FOREIGN,
}  # fmt: skip
"""Formats that are listed for the reason they can't be used, by suffix."""

GENERIC = frozenset({
    "diffusion_pytorch_model", "model", "pytorch_lora_weights", "adapter_model", "learned_embeds", "pytorch_model",
    "diffusion_pytorch_model.fp16", "model.fp16",
})  # fmt: skip
"""Stems that libraries give to every file of a kind."""

_DENOISERS = ("transformer", "unet")
"""Folders of a pipeline's denoiser."""
_SORTED = ("diffusion_models", "unet", "checkpoints", "Stable-diffusion")
"""Folders in which other programs keep many models' (ComfyUI, AUTOMATIC1111)."""

Stamp = tuple[int, ...]
"""What of the status of a file, and of its sidecar, must be unchanged for what was read to be taken as unchanged."""


class Place(NamedTuple):
    """Where a candidate lies: the name of its root, and its folder's path below it, "" at the top."""

    root: str = ""
    folder: str = ""
    hub: str = ""
    """The repository whose revision in a Hub cache it lies in, as `organisation/name`."""

    @property
    def in_hub(self) -> str:
        """Where it is in a Hub cache, as `organisation/name` and the folders below; "" elsewhere."""
        return self.folder[self.folder.index(self.hub) :] if self.hub else ""

    def inside(self, name: str) -> Place:
        return self._replace(folder=f"{self.folder}/{name}" if self.folder else name)

    def outside(self) -> Place:
        return Place(self.root, self.folder.rpartition("/")[0])


class ScannedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate, or, with a `problem`, what only looks like one."""

    path: Path
    place: Place
    format: Format
    stamp: Stamp = ()
    files: tuple[FileStamp, ...] = ()
    """What it is made of: the file and its sidecar, or a folder's members."""
    file: tuple[int, int] | None = None
    """Device and inode, where they are known."""
    size: int = 0
    modified: float = 0.0
    sidecar: Path | None = None
    name: str = ""
    """What it is called, where not by its file or folder."""
    members: tuple[Path, ...] = ()
    """Of a diffusers folder: every file that its description depends on; of what is cut into pieces, these."""
    problem: Message | None = None

    @property
    def is_named(self) -> bool:
        """Does it make a model of others, rather than hold one?"""
        return self.sidecar == self.path

    @property
    def stem(self) -> str:
        return self.name or (self.path.name if self.format == "diffusers" else self.path.stem)


def scan(roots: Sequence[Path], visited: Visited) -> list[ScannedFile]:
    """Everything under `roots` that looks like a model, in a fixed order, each real file once per stem.

    Folders are visited once, real ones before links to them, so links may lead anywhere and loop. Hidden names are
    skipped. A root that isn't there is empty.
    """
    files: list[ScannedFile] = []
    for root, label in zip(roots, _labels(roots), strict=True):
        folders = deque([(root, Place(label))])
        while folders:
            path, place = folders.popleft()
            files.extend(_scan_folder(path, place, folders, visited))
    return _without_repeats(files)


def scan_one(path: Path) -> ScannedFile | None:
    """The candidate that `path` itself is, wherever it lies, or whose first piece; None where there is none."""
    if (path / INDEX).is_file():
        return _diffusers_folder(path, Place())
    if path.is_file():
        if (piece := shard_from(path.name)) is not None:
            there = [name for name in (*piece.names, f"{piece.stem}.yaml") if (path.parent / name).is_file()]
            return _in_pieces(path.parent, Place(), [name for name in piece.names if name in there], there)
        sidecar = path.with_suffix(".yaml")
        return _single_file(path, Place(), sidecar if sidecar.is_file() else None)
    return None


def _labels(roots: Sequence[Path]) -> list[str]:
    """The roots' own names, numbered where two are the same."""
    labels: list[str] = []
    for root in roots:
        name = root.name or "root"
        label, count = name, 1
        while label in labels:
            count += 1
            label = f"{name}-{count}"
        labels.append(label)
    return labels


def _without_repeats(files: list[ScannedFile]) -> list[ScannedFile]:
    """One file that is reached twice under one stem, by a link, is one model; another stem is an alias, and stays."""
    seen: set[tuple[tuple[int, int], str]] = set()
    kept = []
    for one in files:
        if one.file is None or (one.file, one.stem) not in seen:
            kept.append(one)
        if one.file is not None:
            seen.add((one.file, one.stem))
    return kept


def _scan_folder(
    path: Path, place: Place, folders: deque[tuple[Path, Place]], visited: Visited
) -> Iterator[ScannedFile]:
    """The candidates of one folder; its sub-folders join `folders`, links at the end, to come after all real ones."""
    try:
        if not visited.enter(path):
            return
        children = _children(path)
    except OSError as error:
        if place.folder or not isinstance(error, FileNotFoundError):
            yield _unusable(path, place.outside(), message("unfit.folder", why=reason(error)))
        return
    names = {child.name for child in children}
    if INDEX in names:
        yield _diffusers_folder(path, place.outside(), place.in_hub)
        return
    if "snapshots" in names and (repository := repository_of(path.name)):
        visited.note(path / "snapshots")
        visited.note(main_file(path))
        folders.extendleft(reversed(_snapshots(path, place, repository)))
        return
    real: list[tuple[Path, Place]] = []
    files: list[str] = []
    for child in children:
        if not _is_folder(child):
            files.append(child.name)
            continue
        inner = path / child.name
        (folders if child.is_symlink() else real).append((inner, place.inside(child.name)))
        if inner.suffix.lower() in SUFFIXES:
            yield _unusable(inner, place, message("unfit.a_folder"))
    yield from _candidates(path, place, files, names)
    folders.extendleft(reversed(real))


def _candidates(path: Path, place: Place, files: Sequence[str], beside: Collection[str]) -> Iterator[ScannedFile]:
    """Those among the files of a folder; what is cut into pieces is one. `beside` are all names in it."""
    wholes = wholes_in(files)
    pieces = {name for whole in wholes.values() for name in whole}
    for name in files:
        if name in wholes:
            yield _in_pieces(path, place, wholes[name], beside)
        elif name not in pieces and (one := _candidate(path / name, place, beside)):
            yield one


def _candidate(path: Path, place: Place, beside: Collection[str]) -> ScannedFile | None:
    """The candidate that a file is by its suffix; `beside` are the names in its folder."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or suffix == GGUF:
        sidecar = path.with_suffix(".yaml")
        return _single_file(path, place, sidecar if sidecar.name in beside else None)
    if path.name.endswith(NAMED) and path.name != NAMED:
        return _named(path, place)
    return _unusable(path, place, REFUSED[suffix]) if suffix in REFUSED else None


def _children(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as listing:
        return sorted((child for child in listing if not child.name.startswith(".")), key=lambda child: child.name)


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        return False  # a loop of links: asking for the file's status will give the reason


def _single_file(path: Path, place: Place, sidecar: Path | None) -> ScannedFile:
    kind: Format = "gguf" if path.suffix.lower() == GGUF else "safetensors"
    try:
        statuses = {file: file.stat() for file in (path, sidecar) if file}
    except OSError as error:
        return _unusable(path, place, message("unfit.unread", why=reason(error)))
    status = statuses[path]
    return ScannedFile(
        path=path, place=place, name=_called(path, place), format=kind, file=(status.st_dev, status.st_ino),
        size=status.st_size, modified=since(status), sidecar=sidecar,
        stamp=tuple(number for one in statuses.values() for number in _stamp(one)),
        files=tuple(stamp_from(file, one) for file, one in statuses.items()),
    )  # fmt: skip


def _named(path: Path, place: Place) -> ScannedFile:
    """What makes a model of others: a sidecar that stands alone."""
    try:
        status = path.stat()
    except OSError as error:
        return _unusable(path, place, message("unfit.unread", why=reason(error)))
    return ScannedFile(
        path=path, place=place, name=path.name.removesuffix(NAMED), format="other", stamp=_stamp(status),
        files=(stamp_from(path, status),), size=status.st_size, modified=since(status), sidecar=path,
    )  # fmt: skip


def _in_pieces(folder: Path, place: Place, names: Sequence[str], beside: Collection[str]) -> ScannedFile:
    """What the files of these names are together, which is called what each of them is but for its number."""
    piece = shard_from(names[0])
    assert piece is not None, "these are pieces"
    path, paths = folder / names[0], tuple(folder / name for name in names)
    whole = folder / f"{piece.stem}{piece.suffix}"
    sidecar = whole.with_name(piece.stem + ".yaml")
    if len(names) < piece.of:
        missing = sorted(set(piece.names).difference(names))
        problem = message("unfit.pieces", count=len(missing), of=piece.of, name=missing[0])
        return _unusable(path, place, problem, piece.stem)
    if piece.suffix.lower() == GGUF:
        problem = message("unfit.gguf_pieces", of=piece.of, name=names[0], whole=whole.name)
        return _unusable(path, place, problem, piece.stem)
    own = (sidecar,) if sidecar.name in beside else ()
    try:
        statuses = {file: file.stat() for file in (*paths, *own)}
    except OSError as error:
        return _unusable(path, place, message("unfit.unread", why=reason(error)))
    first, weights = statuses[path], [statuses[each] for each in paths]
    return ScannedFile(
        path=path, place=place, name=_called(whole, place) or piece.stem, format="safetensors",
        file=(first.st_dev, first.st_ino), size=sum(one.st_size for one in weights),
        modified=max(map(since, weights)), sidecar=own[0] if own else None, members=paths,
        stamp=tuple(number for one in statuses.values() for number in _stamp(one)),
        files=tuple(stamp_from(file, one) for file, one in statuses.items()),
    )  # fmt: skip


def _snapshots(path: Path, place: Place, repository: str) -> list[tuple[Path, Place]]:
    """The revisions in a Hub cache's folder of one repository: the one that its `main` means has the plain name."""
    revisions = sorted(child.name for child in _children(path / "snapshots") if _is_folder(child))
    main = main_of(path) if len(revisions) > 1 else ""
    snapshots = []
    for revision in sorted(revisions, key=lambda revision: revision != main):
        plain = len(revisions) == 1 or revision == main
        called = repository if plain else f"{repository}@{revision[:7]}"
        snapshots.append((path / "snapshots" / revision, place.outside().inside(called)._replace(hub=called)))
    return snapshots


def _called(path: Path, place: Place) -> str:
    """A file that is called like any other of its kind is called after its folder: what the Hub's mostly are. A
    denoiser's folder, whose name is any model's, after the one that it lies in."""
    if path.stem not in GENERIC or not place.folder:
        return ""
    above, _, folder = place.folder.rpartition("/")
    parent = above.rpartition("/")[2]
    return place.in_hub or (parent if folder in _DENOISERS and parent not in ("", *_SORTED) else folder)


def _diffusers_folder(path: Path, place: Place, name: str = "") -> ScannedFile:
    """A folder with a `model_index.json`: its size and time are those of all its weights."""
    members: list[Path] = []
    stamp: list[int] = []
    files: list[FileStamp] = []
    size, modified = 0, 0.0
    try:
        for member in _members(path):
            status = member.stat()
            members.append(member)
            stamp.extend(_stamp(status))
            files.append(stamp_from(member, status))
            modified = max(modified, since(status))
            if member.suffix == SAFETENSORS:
                size += status.st_size
    except OSError as error:
        return _unusable(path, place, message("unfit.unread", why=reason(error)))
    return ScannedFile(
        path=path, place=place, name=name, format="diffusers", stamp=tuple(stamp), size=size, modified=modified,
        members=tuple(members), files=tuple(files),
    )  # fmt: skip


def _members(path: Path) -> Iterator[Path]:
    """The index, and the configs, vocabularies and weights of each component."""
    yield path / INDEX
    for child in _children(path):
        if child.is_dir():
            for inner in _children(path / child.name):
                if inner.name.endswith(_OF_COMPONENTS) and inner.name.isprintable() and not inner.is_dir():
                    yield path / child.name / inner.name


def _unusable(path: Path, place: Place, problem: Message, name: str = "") -> ScannedFile:
    """What is listed for its problem alone; its size is told where it is known."""
    try:
        status = path.stat()
    except OSError:
        return ScannedFile(path=path, place=place, name=name, format="other", problem=problem)
    return ScannedFile(
        path=path, place=place, name=name, format="other", problem=problem, size=status.st_size,
        modified=since(status),
    )  # fmt: skip


def _stamp(status: os.stat_result) -> Stamp:
    # The time of the last change of status too: it alone moves when permissions do, or a copy keeps the old mtime.
    # Not the device: on some file systems its number is another after each start of the machine.
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
