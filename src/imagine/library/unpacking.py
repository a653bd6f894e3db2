"""A packed model unpacked: what it may not be is refused before a byte of it lies among the models.

Its files are written into a hidden folder, held against their digests and headers, and only then get their names, those
that belong together all at once; the model's own line comes last. So nothing half is ever under a model's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..files.writing import name_anew, sync_folder
from ..formats.shards import shard_from
from ..messages import message
from ..registry.gguf import read_gguf
from ..registry.header import read_header
from ..registry.registry import Registry
from ..registry.scan import GGUF, INDEX, SUFFIXES
from ..words.entry import Entry
from ..words.errors import BadRequest, DownloadFailed, ImagineError, UnusableModel
from ..words.named_model import NamedModel
from .blobs import FOLDER, sweep_blobs
from .creating import MakingNews, create, name_from
from .packing import FORMAT, MANIFEST, PackedContents, PackedFile, PackedPart, member_names, plain_path
from .tar import TarMember, members_in, read_exactly

_MOST_MANIFEST = 2**22
_MOST_FILES = 2000
_PATH = re.compile(r"\w[\w.\-+ ]{0,199}(/\w[\w.\-+ ]{0,199}){0,2}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_IN_FOLDERS = (".json", ".txt", ".model", ".jinja", ".yaml")
_PIECE = 4 * 2**20
_SPARE = 10**9


def unpack(
    registry: Registry, source: Path, check: Callable[[NamedModel], NamedModel], told: MakingNews = lambda _: None
) -> str:
    """The name of the model that is there now; `check` raises BadRequest for one that can't be asked.

    Raises BadRequest, DownloadFailed, OSError. For a thread.
    """
    root = registry.roots[0]
    sweep_blobs(root)
    with source.open("rb") as file:
        members = members_in(file)
        first = next(members, None)
        if first is None or first.name != MANIFEST or first.size > _MOST_MANIFEST:
            raise BadRequest(message("load.no_package", "file", name=source.name))
        package = _package(read_exactly(file, first.size))
        for model in package.models:
            check(model.made)
        names = _names_here(registry, package)
        _check_room(root, [part for part in package.parts if not names[part]])
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root / FOLDER, ignore_cleanup_errors=True) as folder:
            _take_all(file, members, package, Path(folder), names)
            for number, part in enumerate(package.parts):
                if part.files and not names[part]:
                    told(part.name)
                    names[part] = _joined(registry, package, part, Path(folder) / str(number))
    return _make(registry, package, names)


def _names_here(registry: Registry, package: PackedContents) -> dict[PackedPart, str]:
    """What each part is called among the models, "" for what has to come. Raises BadRequest for what can't come."""
    for model in package.models:
        alike = [each for each in registry.files() if each.name == name_from(model.name)]
        if any(each.generates and not each.is_named for each in alike):
            raise BadRequest(message("keep.taken", "model", value=model.name))
        if any(each.is_named and not _says_the_same(each.made, model.made) for each in alike):
            raise BadRequest(message("load.other", "model", value=model.name))
    names = {part: _here(registry, part) for part in package.parts}
    if absent := next((part for part in package.parts if not names[part] and not part.files), None):
        where = message("load.pull", None, source=absent.source) if absent.source else message("load.nowhere")
        raise BadRequest(message("load.lacks", "file", name=absent.name, digest=absent.digest[:12], where=where))
    return names


def _says_the_same(one: NamedModel, other: NamedModel) -> bool:
    """Whatever its files are called, which may be otherwise elsewhere: they are told by digests that both know."""
    nameless = {"base": "", "digest": "", "loras": (), "vae": "", "text_encoders": (), "embeddings": ()}
    plain = [msgspec.structs.replace(made, **nameless) for made in (one, other)]
    weights = [[(lora.weight, lora.clip_weight) for lora in made.loras] for made in (one, other)]
    digests = [[made.digest, *(lora.digest for lora in made.loras)] for made in (one, other)]
    alike = all(mine == theirs or not (mine and theirs) for mine, theirs in zip(*digests, strict=False))
    return plain[0] == plain[1] and weights[0] == weights[1] and alike


def _take_all(
    file: BinaryIO, members: Iterator[TarMember], package: PackedContents, folder: Path, names: dict[PackedPart, str]
) -> None:
    """Writes the files of a tar that aren't here, each below the folder of its part's number."""
    wanted = {name: (part, each) for name, part, each in member_names(package)}
    for member in members:
        part, each = wanted.pop(member.name, (None, None))
        if part is None or each is None or member.size != each.size:
            raise BadRequest(message("load.member", "file", name=member.name[:80]))
        _take(file, each, None if names[part] else folder / str(package.parts.index(part)) / each.path)
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


def _check_room(root: Path, parts: Sequence[PackedPart]) -> None:
    there = next(each for each in (root, *root.parents) if each.exists())
    needed = sum(file.size for part in parts for file in part.files)
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


def _take(file: BinaryIO, told: PackedFile, target: Path | None) -> None:
    """Holds the next file of the tar against what is said of it, and writes it unless it is here."""
    digest, left = hashlib.sha256(), told.size
    with contextlib.ExitStack() as stack:
        out = None
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = stack.enter_context(target.open("xb"))
        while left:
            piece = read_exactly(file, min(_PIECE, left))
            digest.update(piece)
            left -= len(piece)
            if out is not None:
                out.write(piece)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    if digest.hexdigest() != told.sha256:
        raise BadRequest(
            message("load.digest", "file", name=told.path, expected=told.sha256, digest=digest.hexdigest())
        )
    if target is not None:
        _check_header(target, told)


def _check_header(path: Path, told: PackedFile) -> None:
    try:
        if told.path.lower().endswith(SUFFIXES):
            read_header(path)
        elif told.path.lower().endswith(GGUF):
            read_gguf(path)
    except UnusableModel as error:
        raise BadRequest(message("pull.damaged", "file", name=told.path, why=error.note)) from error


def _joined(registry: Registry, package: PackedContents, part: PackedPart, folder: Path) -> str:
    """What it is called among the models, now that it lies there. Raises BadRequest where it isn't what it says."""
    place, first = _placed(registry.roots[0], package, part, folder)
    registry.refresh()
    name = next((each.name for each in registry.files() if Path(each.path) == first and each.kind == part.kind), None)
    if name is None:
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        raise BadRequest(message("load.manifest", "file"))
    return name


def _placed(root: Path, package: PackedContents, part: PackedPart, folder: Path) -> tuple[Path, Path]:
    """Where it lies now, and what of it the registry knows it by: at the top, or where a name is taken there, in a
    folder of the model's own."""
    called = plain_path(part.name.rpartition("/")[2])
    own = root / plain_path(name_from(package.models[-1].name) if package.models else called)
    files = [file.path for file in part.files]
    is_folder = (folder / INDEX).is_file()
    if not is_folder and not _belong_together(files):
        raise BadRequest(message("load.manifest", "file"))
    alone = len(files) == 1 and not is_folder
    called = files[0] if alone else called
    place = _free(root, own, called) / called
    if alone:
        name_anew(folder / called, place)
    else:
        for each in (*folder.rglob("*/"), folder):
            sync_folder(each)
        folder.rename(place)
    sync_folder(place.parent)
    return place, place if alone or is_folder else place / files[0]


def _belong_together(files: Sequence[str]) -> bool:
    """Are they a file of weights, or all pieces of one, and perhaps its sidecar?"""
    piece = shard_from(files[0])
    weights = piece.names if piece else [files[0]]
    sidecar = f"{piece.stem if piece else Path(files[0]).stem}.yaml"
    return {*files} in ({*weights}, {*weights, sidecar}) and files[0].lower().endswith((*SUFFIXES, GGUF))


def _free(root: Path, own: Path, name: str) -> Path:
    """The folder in which nothing is called so."""
    for folder in (root, own):
        if name and not (folder / name).exists() and not (folder / name).is_symlink():
            folder.mkdir(parents=True, exist_ok=True)
            return folder
    raise BadRequest(message("keep.taken", "model", value=name))


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
    return name_from(package.models[-1].name) if package.models else names[package.parts[0]]
