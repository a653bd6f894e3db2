"""What a model's file, or its sidecar, says of how it is to be used: what a person can ask of it, and what enlarges it.

Both lie in an entry's metadata under the keys that a file has them under. A value that makes no sense is as none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

UPSCALER_KEY = "imagine.upscaler"
EXAMPLES_KEY = "imagine.examples"
LANGUAGES = ("en", "ru")
"""Those that examples are kept in. One that has none has the first's."""
MAX_EXAMPLES = 12
MAX_LENGTH = 200
"""Characters of one."""

Examples = dict[str, list[str]]
"""By language."""
_Told = dict[str, list[str]] | list[str]


def examples_from(metadata: Mapping[str, str]) -> Examples:
    """What can be asked of a model, by the languages that it is told in; empty where nothing is."""
    try:
        told = msgspec.json.decode(metadata.get(EXAMPLES_KEY, ""), type=_Told)
    except msgspec.DecodeError:
        return {}
    return examples_of(told) or {}


def examples_of(told: object) -> Examples | None:
    """A list of prompts, or one for each language; None for what is neither."""
    by_language = {LANGUAGES[0]: told} if isinstance(told, list) else told
    if not isinstance(by_language, dict) or not all(_are_prompts(each) for each in by_language.values()):
        return None
    return {str(name): list(each) for name, each in by_language.items() if name in LANGUAGES}


def metadata_of(upscaler: str, examples: Examples) -> dict[str, str]:
    """The same as a file would say it."""
    told = {UPSCALER_KEY: upscaler, EXAMPLES_KEY: msgspec.json.encode(examples).decode() if examples else ""}
    return {key: value for key, value in told.items() if value}


def _are_prompts(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or not 0 < len(value) <= MAX_EXAMPLES:
        return False
    return all(isinstance(each, str) and each.isprintable() and 0 < len(each) <= MAX_LENGTH for each in value)
