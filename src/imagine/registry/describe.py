"""From a candidate to what is listed of it: its header or index read, and why it can't be used, if so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..families.table import FAMILIES, facts_of
from ..messages import Message, Value, message
from ..words.entry import Entry
from ..words.errors import UnusableModel
from .distilled import distilled_by, distilling
from .folders import describe_folder
from .four_bits import with_true_shapes
from .gguf import ENCODERS, Contents, read_gguf
from .header import Header, joined, read_header
from .identify import CHECKPOINT, DIFFUSION_MODEL, LORA, Identity, identify, predicting
from .named import by_name
from .names import normal, printable
from .prediction import by_weights, read_named, read_sidecar
from .scan import ScannedFile
from .sizes import sizes_of
from .stated import metadata_of
from .triggers import bundled_in, triggers_in
from .usable import needs_of, problem_of

MAX_METADATA_VALUES = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_METADATA_CHARACTERS = 1000
"""A longer value is left out: trainers put whole tag lists in, and thumbnails."""


def describe(file: ScannedFile) -> Entry:
    """The entry of a candidate, under its stem as its name. Never raises for what the file holds."""
    entry = Entry(
        name=normal(file.stem),
        path=printable(str(file.path)),
        format=file.format,
        size=file.size,
        modified=file.modified,
    )
    if entry.path != str(file.path):
        return _with_problem(entry, message("unfit.path"))
    entry = msgspec.structs.replace(entry, files=file.files)
    if file.problem:
        return _with_problem(entry, file.problem)
    try:
        if file.is_named:
            return msgspec.structs.replace(entry, kind=CHECKPOINT, made=read_named(file.path))
        if file.format == "diffusers":
            described = describe_folder(file.path, file.members, entry.name)
            entry = msgspec.structs.replace(
                entry,
                problem=described.problem,
                needs=described.needs,
                distilled=described.distilled,
                sizes=described.sizes,
            )
            return _with_identity(entry, described.identity, described.digest, {})
        if file.format == "gguf":
            return _describe_gguf(entry, file.path, file.sidecar)
        headers = {path: with_true_shapes(path, read_header(path)) for path in file.members or (file.path,)}
        return _describe_file(entry, headers, file.sidecar)
    except UnusableModel as error:
        return _with_problem(entry, error.note)


def _describe_file(entry: Entry, headers: Mapping[Path, Header], sidecar: Path | None) -> Entry:
    """By the header of its file, or by those of its pieces."""
    (path, first), *others = headers.items()
    header = joined(list(headers.values())) if others else first
    identity, own = identify(header), dict[str, str]()
    if sidecar and identity.prediction.type:
        stated = read_sidecar(sidecar)
        identity = identify(header, stated)
        entry = msgspec.structs.replace(entry, vae=stated.vae, encoders=stated.text_encoders, made=stated.made)
        own = metadata_of(stated.upscaler, stated.examples)
    spread = facts_of(identity.family).predicts.spread
    if spread and identity.prediction.source == "default" and not others:
        identity = predicting(identity, header, by_weights(path, header, identity.prediction, *spread))
    identity = by_name(identity, entry.name, path, header.metadata)  # some variants are refused
    entry = msgspec.structs.replace(
        entry,
        problem=problem_of(identity, headers),
        needs=needs_of(identity),
        distilled=(distilling if identity.kind == LORA else distilled_by)(entry.name, header.metadata),
        sizes=sizes_of(identity.kind, header.tensors),
    )
    if identity.kind == LORA:
        entry = msgspec.structs.replace(
            entry, triggers=triggers_in(header.metadata), bundled=bundled_in(header.tensors),
            autov3=_hash_in(header.metadata),
        )  # fmt: skip
    composes = identity.kind == DIFFUSION_MODEL and not entry.problem and facts_of(identity.family).single_file
    entry = msgspec.structs.replace(entry, composes=composes)
    kept = [(key, value) for key, value in header.metadata.items() if len(key) + len(value) <= MAX_METADATA_CHARACTERS]
    return _with_identity(entry, identity, header.digest, dict(kept[:MAX_METADATA_VALUES]) | own)


def _hash_in(metadata: Mapping[str, str]) -> str:
    """The SHA-256 of what is behind the header, as kohya's trainer writes it."""
    stated = metadata.get("sshs_model_hash", "").lower().removeprefix("0x")
    return stated if _SHA256.fullmatch(stated) else ""


def _describe_gguf(entry: Entry, path: Path, sidecar: Path | None) -> Entry:
    """By its tensors, as any file; where their names are a converter's own, by what that says."""
    contents = read_gguf(path)
    identity = identify(contents.header)
    if identity.kind != "unknown":
        return _describe_file(entry, {path: contents.header}, sidecar)
    identity = _told_by_architecture(identity, contents)
    return _with_identity(_with_problem(entry, message("unfit.gguf")), identity, contents.header.digest, {})


def _told_by_architecture(identity: Identity, contents: Contents) -> Identity:
    families = {facts.gguf: name for name, facts in FAMILIES.items() if facts.gguf}
    for kind, known in ((DIFFUSION_MODEL, families), ("text-encoder", ENCODERS)):
        if family := known.get(contents.architecture):
            return msgspec.structs.replace(identity, kind=kind, family=family)
    return identity


def _with_identity(entry: Entry, identity: Identity, digest: str, metadata: Mapping[str, str]) -> Entry:
    identity = by_name(identity, entry.name, Path(entry.path), metadata)
    return msgspec.structs.replace(
        entry,
        kind=identity.kind,
        family=identity.family,
        variant=identity.variant,
        prediction=identity.prediction.type,
        prediction_source=identity.prediction.source,
        zero_snr=identity.prediction.zero_snr,
        header_digest=digest,
        parameters=identity.parameters,
        dtype=identity.dtype,
        resolution=identity.resolution,
        has_vae=identity.has_vae,
        text_encoders=identity.text_encoders,
        context=identity.context,
        views=identity.views,
        metadata=metadata,
    )


def _with_problem(entry: Entry, problem: Message) -> Entry:
    return msgspec.structs.replace(entry, problem=_printable(problem))


def _printable(note: Message) -> Message:
    """The same without what a file put into it that a terminal would obey."""
    return msgspec.structs.replace(note, values={key: _printable_value(value) for key, value in note.values.items()})


def _printable_value(value: Value) -> Value:
    if isinstance(value, Message):
        return _printable(value)
    return printable(value) if isinstance(value, str) else value
