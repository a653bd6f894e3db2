"""The words that a LoRA was taught by, from what its trainer wrote into its metadata.

What is stated wins (`modelspec.trigger_phrase` of https://github.com/Stability-AI/ModelSpec, and its kin); else they
are the words that stand in most captions of a folder of pictures (kohya's `ss_tag_frequency`), else those that kohya
reads from the folder's name (`10_ink sketch`: ten times each, "ink sketch").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ..words.adapter_names import bundled_word
from .names import printable

MOST = 12
"""Words that are kept: more are captions, no triggers."""
_LONGEST = 100
_LARGEST = 2**22
"""Characters of a table of words that is looked into."""
_STATED = ("modelspec.trigger_phrase", "trigger_phrase", "trigger_word", "trigger_words", "instance_prompt")
_OFTEN = 0.5
"""In which part of a folder's captions a word stands that is told."""
_REPEATS = re.compile(r"^\d{1,5}_")
_MOST_FOLDERS = 100


def triggers_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The words, likeliest first, each once; none where nothing is said. Never raises."""
    stated = next((metadata[key] for key in _STATED if metadata.get(key, "").strip()), "")
    words: Iterable[str] = stated.split(",") if stated else _from_captions(metadata)
    cleaned = (printable(" ".join(word.split())) for word in words)
    return tuple(dict.fromkeys(word for word in cleaned if 0 < len(word) <= _LONGEST))[:MOST]


def bundled_in(tensors: Iterable[str]) -> tuple[str, ...]:
    """The words of the embeddings that lie in a LoRA's file, by the names of its tensors."""
    words = dict.fromkeys(word for name in tensors if (word := bundled_word(name)))
    return tuple(word for word in words if word == printable(word) and len(word) <= _LONGEST)[:MOST]


def _from_captions(metadata: Mapping[str, str]) -> Iterator[str]:
    folders = _table(metadata.get("ss_tag_frequency", ""))
    sizes = _table(metadata.get("ss_dataset_dirs", ""))
    for name, counts in list(folders.items())[:_MOST_FOLDERS]:
        named = {_plain(word): count for word, count in _counts(counts)}
        most = _size(sizes.get(name)) or max(named.values(), default=0)
        yield from sorted((word for word in named if named[word] >= _OFTEN * most), key=lambda word: -named[word])
    if not folders:
        yield from (_plain(name) for name in list(sizes)[:_MOST_FOLDERS] if _REPEATS.match(name))


def _table(text: str) -> dict[str, Any]:
    """The JSON object that a value of the metadata is; empty for anything else."""
    if not text.startswith("{") or len(text) > _LARGEST:
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _counts(value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        yield from ((word, count) for word, count in value.items() if type(count) is int and count > 0)


def _size(folder: object) -> int:
    """How many pictures a folder has, 0 where that isn't said."""
    count = folder.get("img_count") if isinstance(folder, dict) else None
    return count if type(count) is int else 0


def _plain(word: str) -> str:
    """Without the repeats that kohya's folders begin with, which AI Toolkit writes before its trigger word as well."""
    return _REPEATS.sub("", word.strip())
