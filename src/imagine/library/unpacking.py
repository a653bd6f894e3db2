"""A packed model unpacked: what it may not be is refused before a byte of it lies among the models.

Its files are written into a hidden folder, held against their digests and headers, and only then get their names; the
model's own line comes last. So nothing half is ever under a model's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..files.writing import sync_folder
from ..messages import message
from ..registry.gguf import read_gguf
from ..registry.header import read_header
from ..registry.registry import Registry
from ..registry.scan import GGUF, INDEX, SUFFIXES
from ..words.entry import Entry
from ..words.errors import BadRequest, DownloadFailed, ImagineError, UnusableModel
from .blobs import FOLDER
from .creating import MakingNews, create, name_from
from .packing import FORMAT, MANIFEST, PackedContents, PackedFile, PackedPart, member_names
from .tar import TarMember, members_in, read_exactly

_MOST_MANIFEST = 2**22
_MOST_FILES = 2000
_PATH = re.compile(r"\w[\w.\-+ ]{0,199}(/\w[\w.\-+ ]{0,199}){0,2}")
_NAME = re.compile(r"\w[\w.\-+ ]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_IN_FOLDERS = (".json", ".txt", ".model", ".jinja", ".yaml")
_PIECE = 4 * 2**20
_SPARE = 10**9


def unpack(registry: Registry, source: Path, told: MakingNews = lambda _: None) -> str:
    """The name of the model that is there now. Raises BadRequest, DownloadFailed, OSError. For a thread."""
    root = registry.roots[0]
    with source.open("rb") as file:
        members = members_in(file)
        first = next(members, None)
        if first is None or first.name != MANIFEST or first.size > _MOST_MANIFEST:
            raise BadRequest(message("load.no_package", "file", name=source.name))
        package = _package(read_exactly(file, first.size))
        _check_room(root, package)
        names = _names_here(registry, package)
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root / FOLDER, ignore_cleanup_errors=True) as folder:
            _take_all(file, members, package, Path(folder))
            for number, part in enumerate(package.parts):
                if part.files and not names[part]:
                    told(part.name)
                    names[part] = _joined(registry, package, part, Path(folder) / str(number))
    return _make(registry, package, names)


def _names_here(registry: Registry, package: PackedContents) -> dict[PackedPart, str]:
    """What each part is called among the models, "" for what has to come. Raises BadRequest for what can't come."""
    for model in package.models:
        if any(each.name == model.name and each.generates and not each.is_named for each in registry.files()):
            raise BadRequest(message("keep.taken", "model", value=model.name))
    names = {part: _here(registry, part) for part in package.parts}
    if absent := next((part for part in package.parts if not names[part] and not part.files), None):
        where = message("load.pull", None, source=absent.source) if absent.source else message("load.nowhere")
        raise BadRequest(message("load.lacks", "file", name=absent.name, digest=absent.digest[:12], where=where))
    return names


def _take_all(file: BinaryIO, members: Iterator[TarMember], package: PackedContents, folder: Path) -> None:
    """Writes all files of a tar, each below the folder of its part's number."""
    wanted = {name: (part, each) for name, part, each in member_names(package)}
    for member in members:
        part, each = wanted.pop(member.name, (None, None))
        if part is None or each is None or member.size != each.size:
            raise BadRequest(message("load.member", "file", name=member.name[:80]))
        _take(file, each, folder / str(package.parts.index(part)) / each.path)
    if wanted:
        raise BadRequest(message("load.short", "file"))


def _package(data: bytes) -> PackedContents:
    """What a manifest says, every word of it checked."""
    try:
        package = msgspec.json.decode(data, type=PackedContents)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(message("load.manifest", "file")) from error
    if package.format != FORMAT:
        raise BadRequest(message("load.format", "file", value=package.format))
    for model in package.models:
        name_from(model.name)
    files = [(part, file) for part in package.parts for file in part.files]
    wrong = not package.parts or len(files) > _MOST_FILES
    if wrong or len(set(package.parts)) < len(package.parts) or not all(map(_is_part, package.parts)):
        raise BadRequest(message("load.manifest", "file"))
    return package


def _is_part(part: PackedPart) -> bool:
    """Can it be one: is every path of it below its own folder, and of a kind that models are made of?"""
    suffixes = (*SUFFIXES, GGUF, *(_IN_FOLDERS if part.folder else ()))
    paths = [file.path for file in part.files]
    alone = part.folder or len(paths) <= 1
    plain = all(_PATH.fullmatch(path) and path.lower().endswith(suffixes) for path in paths)
    flat = part.folder or all("/" not in path for path in paths)
    known = all(_SHA256.fullmatch(file.sha256) and file.size >= 0 for file in part.files)
    return bool(alone and plain and flat and known and len(set(paths)) == len(paths) and part.digest)


def _check_room(root: Path, package: PackedContents) -> None:
    there = next(each for each in (root, *root.parents) if each.exists())
    needed = sum(file.size for part in package.parts for file in part.files)
    free = shutil.disk_usage(there).free - _SPARE
    if needed > free:
        raise DownloadFailed(message("blob.room", size=f"{needed / 1e9:.1f}", free=f"{max(0, free) / 1e9:.1f}"))


def _here(registry: Registry, part: PackedPart) -> str:
    """What the same content is called among the models; "" where it isn't there."""
    for entry in _of_kind(registry, part):
        with contextlib.suppress(ImagineError):
            if registry.with_digest(entry).digest == part.digest:
                return entry.name
    return ""


def _of_kind(registry: Registry, part: PackedPart) -> Sequence[Entry]:
    size = sum(file.size for file in part.files)
    files = [each for each in registry.files() if each.kind == part.kind and not each.is_named and not each.problem]
    return [each for each in files if each.name == part.name or (size and each.size == size)]


def _take(file: BinaryIO, told: PackedFile, target: Path) -> None:
    """Writes the next file of the tar, and holds it against what is said of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), told.size
    with target.open("xb") as out:
        while left:
            piece = read_exactly(file, min(_PIECE, left))
            out.write(piece)
            digest.update(piece)
            left -= len(piece)
    if digest.hexdigest() != told.sha256:
        raise BadRequest(
            message("load.digest", "file", name=told.path, expected=told.sha256, digest=digest.hexdigest())
        )
    try:
        if told.path.lower().endswith(SUFFIXES):
            read_header(target)
        elif told.path.lower().endswith(GGUF):
            read_gguf(target)
    except UnusableModel as error:
        raise BadRequest(message("pull.damaged", "file", name=told.path, why=error.note)) from error


def _joined(registry: Registry, package: PackedContents, part: PackedPart, folder: Path) -> str:
    """What it is called among the models, now that it lies there. Raises BadRequest."""
    where = _placed(registry.roots[0], package, part, folder)
    registry.refresh()
    name = next((each.name for each in registry.files() if Path(each.path) == where and each.kind == part.kind), None)
    if name is None:
        raise BadRequest(message("load.manifest", "file"))
    return name


def _placed(root: Path, package: PackedContents, part: PackedPart, folder: Path) -> Path:
    """Where it lies now: at the top, or where a name is taken there, in a folder of the model's own."""
    called = package.models[-1].name if package.models else part.name.rpartition("/")[2]
    own = root / called.replace(":", "-")
    if part.folder and (folder / INDEX).is_file():
        name = part.name.rpartition("/")[2]
        if not _NAME.fullmatch(name):
            raise BadRequest(message("load.manifest", "file"))
        target = _free(root, own, [name]) / name
        folder.rename(target)
        sync_folder(target.parent)
        return target
    files = [file.path for file in part.files]
    if any("/" in file for file in files) or not _NAME.fullmatch(own.name):
        raise BadRequest(message("load.manifest", "file"))
    place = _free(root, own, files)
    for file in reversed(files):  # the one that is the model comes last
        (place / file).hardlink_to(folder / file)
    sync_folder(place)
    return place / files[0]


def _free(root: Path, own: Path, names: Sequence[str]) -> Path:
    """The folder in which nothing is called so."""
    for folder in (root, own):
        if not any((folder / name).exists() for name in names):
            folder.mkdir(parents=True, exist_ok=True)
            return folder
    raise BadRequest(message("keep.taken", "model", value=names[0]))


def _make(registry: Registry, package: PackedContents, names: dict[PackedPart, str]) -> str:
    """The models by the names that their files have here."""
    called = {(part.kind, part.name): name for part, name in names.items()}

    def here(name: str, *kinds: str) -> str:
        return next((called[kind, name] for kind in kinds if (kind, name) in called), name)

    for model in package.models:
        made = model.made
        loras = tuple(msgspec.structs.replace(lora, name=here(lora.name, "lora")) for lora in made.loras)
        made = msgspec.structs.replace(
            made, base=here(made.base, "checkpoint", "diffusion-model"), loras=loras, vae=here(made.vae, "vae"),
            text_encoders=tuple(here(each, "text-encoder") for each in made.text_encoders),
            embeddings=tuple(here(each, "embedding") for each in made.embeddings),
        )  # fmt: skip
        create(registry, model.name, msgspec.structs.replace(made, digest=""))  # which is made anew of what is here
    return package.models[-1].name if package.models else names[package.parts[0]]
