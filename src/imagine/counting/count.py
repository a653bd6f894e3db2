"""A prompt's tokens, as the engine would make them of it: without tags, by its syntax, in its chunks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from ..engine.parts.chunks import WeightedToken, split
from ..engine.parts.prompt_schedule import texts_by_step
from ..engine.parts.prompt_syntax import Break, parse
from ..engine.parts.readable import can_encode, clean, ids_of
from ..words.conjuncts import conjuncts
from ..words.counting import CountedVocabulary, CountReply, CountRequest, PromptCount, PromptHearing
from ..words.errors import BadRequest
from ..words.lora_tags import tags_in

_STEPS = 20
"""Of a picture that nobody has asked for yet: what changes on the way changes within them."""
_MOST = 64_000
"""Characters that are split for one prompt: of a long one that changes at every step, its longest texts alone."""
_SHOWN = 40
"""Characters of what stands behind a border."""


class _Tokens(NamedTuple):
    """Of one text: `text` as it was read, its ids with None for each break, and behind how many characters each of the
    ids ends."""

    text: str
    tokens: list[WeightedToken | None]
    ends: list[int]


class _Speller(NamedTuple):
    encode: Callable[[str], list[tuple[int, int]]]
    knows: Callable[[str], bool]
    whole: bool
    """A prompt is split into tokens at once, wherever its weights change."""
    comma: tuple[int, ...] = ()


def count(request: CountRequest) -> CountReply:
    """Of both prompts. What would be refused for its syntax is counted as it is written."""
    return CountReply(_longest(request.prompt, request.hearing), _longest(request.neg, request.hearing, joined=False))


def _longest(prompt: str, hearing: PromptHearing, *, joined: bool = True) -> PromptCount:
    bare, _ = tags_in(prompt)
    try:
        each = [part.text for part in conjuncts(bare)] if joined else [bare]
        texts = dict.fromkeys(text for one in each for _, text in texts_by_step(one, _STEPS))
    except BadRequest:
        texts = {bare: None}
    by_length = sorted(texts, key=len, reverse=True)
    few = by_length[: max(1, _MOST // max(1, len(by_length[0])))]
    return max((_counted(text, hearing) for text in few), key=lambda made: made.tokens)


def _counted(text: str, hearing: PromptHearing) -> PromptCount:
    read = _read(text.lower() if hearing.small else text, _vocabulary(hearing.vocabulary))
    total = len(read.ends)
    if not hearing.chunked:
        heard = min(total, hearing.size)
        return PromptCount(total, (heard,), total - heard, _behind(read, [heard]))
    chunks = tuple(len(each.ids) for each in split(read.tokens, hearing.size, _vocabulary(hearing.vocabulary).comma))
    return PromptCount(total, chunks, behind=_behind(read, list(accumulate(chunks[:-1]))))


def _read(text: str, vocabulary: _Speller) -> _Tokens:
    runs = [None if isinstance(each, Break) else clean(each.text, vocabulary.knows)[0] for each in parse(text).pieces]
    if vocabulary.whole:
        runs = ["".join(" " if run is None else run for run in runs)]
    made = _Tokens("".join(run or "" for run in runs), [], [])
    begin = 0
    for run in runs:
        if run is None:
            made.tokens.append(None)
            continue
        for token, end in vocabulary.encode(run):
            made.tokens.append(WeightedToken(token, 1.0))
            made.ends.append(begin + end)
        begin += len(run)
    return made


def _behind(read: _Tokens, borders: list[int]) -> tuple[str, ...]:
    """The words behind each border, which stands behind so many tokens; none where nothing does."""
    places = [read.ends[border - 1] if border else 0 for border in borders if border < len(read.ends)]
    return tuple(read.text[place : place + _SHOWN].strip(" ,.;") for place in places)


@cache
def _vocabulary(name: CountedVocabulary) -> _Speller:
    """Read for the first prompt that is counted by it, in half a second at most."""
    if name == "clip":
        from ..engine.loading.tokenizer import ClipTokenizer

        clip = ClipTokenizer()
        knows = cache(lambda character: can_encode(clip, character))
        return _Speller(clip.encode_with_ends, knows, whole=False, comma=tuple(ids_of(clip, ",")))
    if name == "t5":
        from ..engine.loading.t5_tokenizer import T5Tokenizer

        return _Speller(T5Tokenizer().encode_with_ends, _is_no_control_sign, whole=False)
    from ..engine.loading.qwen_tokenizer import QwenTokenizer

    return _Speller(QwenTokenizer().encode_with_ends, _is_no_control_sign, whole=True)


def _is_no_control_sign(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")
