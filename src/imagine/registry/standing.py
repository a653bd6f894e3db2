"""Named models among the rest: each is its base under another name, or says what it lacks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..messages import Message, message
from ..words.entry import Entry
from ..words.model_names import matching
from .composition import TEXT_ENCODER, VAE
from .identify import CHECKPOINT, LORA, MODEL_KINDS

EMBEDDING = "embedding"
_LICENCE = "modelspec.license"


def standing(named: Sequence[Entry], others: Sequence[Entry]) -> list[Entry]:
    """The named ones as they can be used beside the others, which may be made of each other, too."""
    there = {entry.name: entry for entry in others if entry.generates}
    names = [entry.name for entry in named]
    taken = {entry.name for entry in others if entry.generates}
    waiting = [entry for entry in named if not entry.problem and entry.name not in taken]
    done = [entry if entry.problem else _taken(entry) for entry in named if entry not in waiting]
    while waiting:
        ready = {entry.name: base for entry in waiting if (base := base_among(entry, there)) is not None}
        if not ready:
            break
        for entry in [entry for entry in waiting if entry.name in ready]:
            stands = _standing(entry, ready[entry.name], others)
            done.append(stands)
            if not stands.problem:
                there.setdefault(stands.name, stands)
        waiting = [entry for entry in waiting if entry.name not in ready]
    done += [_without(entry, message("made.no_such_base", value=entry.made.base[:80])) for entry in waiting]
    return sorted(done, key=lambda entry: names.index(entry.name))


def base_among(entry: Entry, models: dict[str, Entry]) -> Entry | None:
    """What a named model is made of, among these; never itself."""
    match = matching(entry.made.base, [name for name in models if name != entry.name])
    return None if match is None else models[match]


def uses(entry: Entry, file: Entry) -> bool:
    """Is a named model, or what a sidecar says of a file, made of this file?"""
    made = entry.made
    of_kind = {
        LORA: [lora.name for lora in made.loras], VAE: [made.vae], TEXT_ENCODER: made.text_encoders,
        EMBEDDING: made.embeddings,
    }.get(file.kind, [made.base] if file.kind in MODEL_KINDS else [])  # fmt: skip
    return any(matching(name, [file.name]) is not None for name in of_kind if name)


def _standing(entry: Entry, base: Entry, others: Sequence[Entry]) -> Entry:
    """The base under the name, or what isn't there that belongs to it."""
    made = entry.made
    wanted = [(LORA, "loras", lora.name) for lora in made.loras]
    wanted += [(VAE, "vae", made.vae)] if made.vae and made.vae != "own" else []
    wanted += [(TEXT_ENCODER, "text_encoders", name) for name in made.text_encoders if name != "own"]
    wanted += [(EMBEDDING, "embeddings", name) for name in made.embeddings]
    for kind, field, name in wanted:
        if matching(name, [each.name for each in others if each.kind == kind and not each.problem]) is None:
            return _without(entry, message("made.lacks", field, kind=kind, value=name[:80]))
    licence = {_LICENCE: made.license} if made.license else {}
    made = msgspec.structs.replace(made, base=base.name)  # as spelled here: in another case it may be its own name
    return msgspec.structs.replace(
        base, name=entry.name, path=entry.path, files=entry.files, modified=entry.modified, shipped=False, made=made,
        metadata=base.metadata | licence, vae=made.vae or base.vae, encoders=made.text_encoders or base.encoders,
    )  # fmt: skip


def _taken(entry: Entry) -> Entry:
    told = _without(entry, message("made.taken", value=entry.name))
    return msgspec.structs.replace(told, kind="unknown")  # it mustn't stand in the file's place


def _without(entry: Entry, problem: Message) -> Entry:
    return msgspec.structs.replace(entry, kind=CHECKPOINT, problem=problem)
