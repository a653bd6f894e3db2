"""What of an entry anybody may know, as one flat mapping: the same of a model and of any other file, and not where it
lies."""

from __future__ import annotations

from typing import Any

from ..families.table import FAMILIES
from ..messages import Language, sentence
from ..words.entry import Entry
from ..words.map_words import map_meant, words_of
from .identify import MODEL_KINDS
from .stated import UPSCALER_KEY, examples_from
from .usable import use_of

_FIELDS = (
    "name", "kind", "family", "variant", "size", "modified", "digest", "header_digest", "resolution", "prediction",
    "prediction_source", "zero_snr", "dtype", "parameters", "format", "text_encoders", "has_vae", "vae", "needs",
    "distilled", "triggers", "bundled", "autov3", "shipped",
)  # fmt: skip


def shown(entry: Entry, language: Language = "en") -> dict[str, Any]:
    """`use` says in a clause what can be done with it, `problem` why it isn't what it could be, `examples`, by
    language, what can be asked of it, and `upscaler` what enlarges its pictures, where its file or sidecar tells;
    `map` what makes the maps that a control is for, as its name has it.

    Of what generates, its family says what sides are `multiple`s of, by what `guidance_kind` it follows its prompt, and
    which `components` it takes beside its denoiser.
    """
    facts = {name: getattr(entry, name) for name in _FIELDS} | _of_family(entry)
    if examples := examples_from(entry.metadata):
        facts["examples"] = examples
    if entry.kind == "controlnet":
        facts["map"] = map_meant(words_of(entry.name)) or ""
    if upscaler := entry.metadata.get(UPSCALER_KEY):
        facts["upscaler"] = upscaler
    problem = None if entry.unusable is None else sentence(entry.unusable, language)
    return facts | {"sha256": entry.file_digest, "problem": problem, "use": sentence(use_of(entry), language)}


def _of_family(entry: Entry) -> dict[str, Any]:
    facts = FAMILIES.get(entry.family)
    if facts is None or entry.kind not in MODEL_KINDS:
        return {}
    needs = {need.role: need.fits for need in facts.needs}
    components = {role: [name or "kl" for name in fits] for role, fits in needs.items()}
    return {"multiple": facts.multiple, "guidance_kind": facts.guidance, "components": components}
