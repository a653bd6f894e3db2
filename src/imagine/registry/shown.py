"""What of an entry anybody may know, as one flat mapping: the same of a model and of any other file, and not where it
lies."""

from __future__ import annotations

from typing import Any

import msgspec

from ..families.defaults import bounds_of
from ..families.facts import Need
from ..families.table import FAMILIES, embedding_families, lora_families
from ..messages import Language, sentence
from ..words.beside import made_for, shows_map, takes_map
from ..words.entry import Entry
from ..words.map_words import map_meant, union_kinds, words_of
from ..words.preprocessors import PREPROCESSORS
from .composition import published_for
from .identify import MODEL_KINDS
from .stated import UPSCALER_KEY, examples_from
from .told_languages import languages_of
from .usable import use_of

_LICENCE = "modelspec.license"
_FIELDS = (
    "name", "kind", "family", "variant", "size", "modified", "digest", "header_digest", "resolution", "context",
    "prediction", "prediction_source", "zero_snr", "dtype", "parameters", "format", "text_encoders", "has_vae", "vae",
    "encoders", "needs", "distilled", "triggers", "bundled", "autov3", "shipped",
)  # fmt: skip


def shown(entry: Entry, language: Language = "en") -> dict[str, Any]:
    """`place` is the other server that alone has it.

    `use` says in a clause what can be done with it, `problem` why it isn't what it could be, `examples`, by
    language, what can be asked of it, and `upscaler` what enlarges its pictures, where its file or sidecar tells;
    `map` what makes the maps that a control is for, as its name has it, and `types` which kinds of maps it has to be
    told apart; `made_for` which of its family's sizes a model is, or a file goes beside, where that matters; `own_map`
    what makes the map that a model sees itself, as its name has it, of one that does, and of a LoRA that has one do so.

    Of a model that is made of others by name, and of one whose sidecar says how it is asked, `made` is what they say.

    Of a model, `languages` are those of ours in which words surely say something to it, `lora_families` and
    `embedding_families` are those whose LoRAs and embeddings it takes, and its family says what sides are `multiple`s
    of, by what `guidance_kind` it follows its prompt, whether `true_cfg` can guide it besides, between which `bounds`
    steps and guidance make sense, and which `components` it takes beside its denoiser; of a flow in one file, by how
    much its noise levels `shift` at its native size; `missing` are the files that people have for what it lacks, and
    `licence` is that of the published weights, or what its file states.
    """
    facts = {name: getattr(entry, name) for name in _FIELDS} | _of_family(entry)
    if entry.kind in MODEL_KINDS:
        facts["languages"] = languages_of(entry)
        facts["lora_families"] = list(lora_families(entry.family))
        facts["embedding_families"] = list(embedding_families(entry.family))
    if entry.place:
        facts["place"] = entry.place
    if examples := examples_from(entry.metadata):
        facts["examples"] = examples
    if size := made_for(entry):
        facts["made_for"] = size
    if (entry.kind in MODEL_KINDS and takes_map(entry)) or shows_map(entry):
        facts["own_map"] = map_meant(words_of(entry.name)) or ""
    if entry.kind == "controlnet":
        facts["map"] = map_meant(words_of(entry.name)) or ""
        kinds = union_kinds(entry.family) if entry.variant == "union" else ()
        facts["types"] = [kind for kind in kinds if kind in PREPROCESSORS]
    if entry.made:
        facts["made"] = msgspec.to_builtins(entry.made)
    if upscaler := entry.metadata.get(UPSCALER_KEY):
        facts["upscaler"] = upscaler
    problem = None if entry.unusable is None else sentence(entry.unusable, language)
    return facts | {"sha256": entry.file_digest, "problem": problem, "use": sentence(use_of(entry), language)}


def _of_family(entry: Entry) -> dict[str, Any]:
    facts = FAMILIES.get(entry.family)
    if facts is None or entry.kind not in MODEL_KINDS:
        return {}
    needs = {need.role: need.fits for need in facts.needed(entry.variant)}
    components = {role: [name or "kl" for name in fits] for role, fits in needs.items()}
    told: dict[str, Any] = {"multiple": facts.multiple, "components": components}
    told |= {"guidance_kind": facts.guided(entry.variant), "true_cfg": facts.takes_number(entry.variant)}
    bounds = msgspec.structs.asdict(bounds_of(entry))
    if any(bounds.values()):
        told["bounds"] = {name: list(limits) for name, limits in bounds.items() if limits is not None}
    made = entry.distilled.partition(":")[0]
    shift, licence = facts.shift_of(made, entry.variant), facts.licence_of(entry.variant, made)
    if shift is not None and entry.format != "diffusers":
        told["shift"] = round(shift.at(entry.resolution, entry.resolution), 2)
    if entry.missing:
        told["missing"] = [_public(need, entry) for need in facts.needed(entry.variant) if need.role in entry.missing]
    if stated := entry.metadata.get(_LICENCE):
        told["licence"] = stated
    elif licence is not None:
        told["licence"] = f"{licence.name} (of the family's published weights), {licence.url}"
    return told


def _public(need: Need, entry: Entry) -> dict[str, Any]:
    """What would fill a need: its kinds, and the files that are published."""
    files = [{"name": file.name, "size": file.size, "source": file.source} for file in published_for(need, entry)]
    return {"component": need.role, "kinds": list(need.fits), "optional": need.optional, "files": files}
