"""How much of a prompt a family's text encoders hear, and by which vocabulary that is counted."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from ..words.counting import CountedVocabulary, PromptHearing
from .table import facts_of

_CHUNK = 75
"""Tokens that CLIP reads at once beside the marks at both ends."""
_VOCABULARIES: MappingProxyType[str, CountedVocabulary] = MappingProxyType({
    "clip_l": "clip", "clip_g": "clip", "clip_h": "clip", "t5-xxl": "t5",
    "qwen3-4b": "qwen", "qwen3-8b": "qwen", "qwen2.5-vl-7b": "qwen",
})  # fmt: skip
"""By what the registry calls the encoder's file; the vocabularies of others come with their files."""
_AROUND = MappingProxyType({"z-image": 8, "qwen-image": 5, "flux2": 12})
"""Tokens of a family's length that stand around what is said to its language model."""
_SMALL = frozenset({"pixart"})
"""Families that were told captions in small letters."""
_MANY_LANGUAGES = frozenset({"qwen3-4b", "qwen3-8b", "qwen2.5-vl-7b", "mistral3-24b"})
"""Language models that were taught Russian among many others, by their cards."""


def hearing_of(family: str, variant: str, lacking: Collection[str] = ()) -> PromptHearing | None:
    """How prompts are read, by the encoder that reads most of them; None where that isn't known here."""
    kinds = _encoders(family, variant, lacking)
    vocabularies = {_VOCABULARIES.get(kind) for kind in kinds}
    length = facts_of(family).length_of(variant)
    if not kinds or None in vocabularies:
        return None
    if vocabularies == {"clip"}:
        return PromptHearing("clip", _CHUNK, chunked=not length)
    last = _VOCABULARIES[kinds[-1]]
    around = 1 if last == "t5" else _AROUND.get(family, 0)
    return PromptHearing(last, length - around, small=family in _SMALL) if length else None


def speaks_many_languages(family: str, variant: str) -> bool:
    """Is a prompt said to a language model that was taught many languages, Russian among them?"""
    kinds = _encoders(family, variant, ())
    return bool(kinds) and _MANY_LANGUAGES.issuperset(kinds)


def _encoders(family: str, variant: str, lacking: Collection[str]) -> list[str]:
    needs = facts_of(family).needed(variant)
    return [need.fits[0] for need in needs if need.role.startswith("text_encoder") and need.role not in lacking]
