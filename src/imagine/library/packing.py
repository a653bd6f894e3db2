"""A named model as one file: what it says, and the files that it is made of, each with its digest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..files.writing import sync_folder
from ..messages import message
from ..registry.composition import TEXT_ENCODER, VAE
from ..registry.identify import LORA
from ..registry.registry import Registry
from ..registry.standing import EMBEDDING
from ..words.entry import Entry
from ..words.errors import UnusableModel
from ..words.model_names import OWN
from ..words.named_model import NamedModel
from .checked import sha256_of
from .creating import MakingNews, resolved
from .partial import beside
from .record import record_of
from .tar import END, TarMember, header_of, padding_of

FORMAT = 1
MANIFEST = "imagine.json"
_PIECE = 4 * 2**20


class PackedFile(msgspec.Struct, frozen=True):
    """One file: what it is called below the folder of its part, and what its bytes are."""

    path: str
    sha256: str
    size: int


class PackedPart(msgspec.Struct, frozen=True):
    """A base, a LoRA, a VAE…: a file, or a diffusers folder. Without `files` it has to be among the models already."""

    name: str
    kind: str
    digest: str
    """Of its content, as recipes know it."""
    source: str = ""
    """Where it was pulled from."""
    folder: bool = False
    files: tuple[PackedFile, ...] = ()


class PackedModel(msgspec.Struct, frozen=True):
    """What a name stands for."""

    name: str
    made: NamedModel


class PackedContents(msgspec.Struct, frozen=True):
    """All that stands before the files; a model behind what it is made of. Without models it is the first part."""

    format: int
    models: tuple[PackedModel, ...]
    parts: tuple[PackedPart, ...]


def pack(registry: Registry, entry: Entry, target: Path, *, weights: bool, told: MakingNews = lambda _: None) -> int:
    """Writes the model to `target`, and how many bytes that came to. Raises UnusableModel, ModelChanged, OSError.

    What ships with Imagine is only named: it is everywhere.
    """
    models, entries = _chain(registry, entry)
    parts = []
    paths: list[Path] = []
    for each in entries:
        part, files = _part(registry, each, weights=weights and not each.shipped, told=told)
        parts.append(part)
        paths += files
    partial = beside(target, ".partial")
    try:
        with partial.open("wb") as out:
            _write(out, PackedContents(FORMAT, models, tuple(parts)), paths)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(target.absolute().parent)
    return target.stat().st_size


def member_names(package: PackedContents) -> Iterator[tuple[str, PackedPart, PackedFile]]:
    """What each file is called in the tar, in its order there."""
    files = [(part, file) for part in package.parts for file in part.files]
    for number, (part, file) in enumerate(files):
        yield f"files/{number}{Path(file.path).suffix}", part, file


def _chain(registry: Registry, entry: Entry) -> tuple[tuple[PackedModel, ...], list[Entry]]:
    """The named models that it is made of and itself, and all files of these. Raises UnusableModel."""
    models, entries = list[PackedModel](), list[Entry]()
    if not entry.is_named:
        entries += _whole(registry, entry)
    while entry.is_named:
        made = resolved(registry, entry.name, entry.made, lambda _: None)
        models.insert(0, PackedModel(entry.name, made))
        named = [(LORA, lora.name) for lora in made.loras] + [(EMBEDDING, each) for each in made.embeddings]
        named += [(VAE, made.vae)] * (made.vae not in ("", OWN))
        named += [(TEXT_ENCODER, each) for each in made.text_encoders if each != OWN]
        entries += [registry.find_alike(name, kind) for kind, name in named]
        entry = registry.find_alike(made.base)
        if not entry.is_named:
            entries = _whole(registry, entry) + entries
    return tuple(models), list({each.path: each for each in entries}.values())


def _whole(registry: Registry, entry: Entry) -> list[Entry]:
    """A file, and what it lacks."""
    beside_it = [(VAE, entry.vae)] * bool(entry.vae) + [(TEXT_ENCODER, name) for name in entry.encoders]
    return [entry, *(registry.find_alike(name, kind) for kind, name in beside_it if name != OWN)]


def _part(registry: Registry, entry: Entry, *, weights: bool, told: MakingNews) -> tuple[PackedPart, list[Path]]:
    entry = registry.with_digest(entry)
    record = record_of(Path(entry.path))
    part = PackedPart(entry.name, entry.kind, entry.digest, "" if record is None else record.source)
    if not weights:
        return part, []
    path = Path(entry.path)
    paths = [Path(stamp.path) for stamp in entry.files if stamp.path.lower().endswith(_SUFFIXES)]
    folder = path.is_dir() or len(paths) > 1
    root = path if path.is_dir() else path.parent
    told(entry.name)
    names = [each.relative_to(root).as_posix() for each in paths]
    if not folder:  # a file may be called after the folder that it lies in here
        names = [entry.name.rpartition("/")[2] + path.suffix]
    files = tuple(
        PackedFile(plain_path(name), sha256_of(each), each.stat().st_size)
        for name, each in zip(names, paths, strict=True)
    )
    return msgspec.structs.replace(part, folder=folder, files=files), paths


def plain_path(path: str) -> str:
    """The path as a packed model can have it: of letters, digits, spaces and . _ - +, no part of it hidden."""
    return re.sub(r"(^|/)[^\w/]", r"\1_", re.sub(r"[^\w.\-+ /]", "_", path))


_SUFFIXES = (".safetensors", ".sft", ".gguf", ".json", ".txt", ".model", ".jinja", ".yaml")


def _write(out: BinaryIO, package: PackedContents, paths: list[Path]) -> None:
    manifest = msgspec.json.format(msgspec.json.encode(package)) + b"\n"
    out.write(header_of(TarMember(MANIFEST, len(manifest))) + manifest + padding_of(len(manifest)))
    for (name, _, file), path in zip(member_names(package), paths, strict=True):
        out.write(header_of(TarMember(name, file.size)))
        with path.open("rb") as data:
            left = file.size
            while left and (piece := data.read(min(_PIECE, left))):
                out.write(piece)
                left -= len(piece)
            if left or data.read(1):
                raise UnusableModel(message("save.changed", "model", name=path.name))
        out.write(padding_of(file.size))
    out.write(END)
