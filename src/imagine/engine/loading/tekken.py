"""Tekken, the vocabulary of Mistral's models, as their files bring it along: Mistral's own JSON, which Comfy-Org's
files hold as a tensor, a `tokenizer.json` of the tokenizers library, or the lists of a GGUF header.

Of each only pieces, merges and marks are taken: how text is split into words is known, and a file's own way of it is
never run. The layout of the first, and its marks where it names none, are those of
https://github.com/mistralai/mistral-common, `tokens/tokenizers/tekken.py` (Apache-2.0); how its ranks become merges
is transformers' `MistralConverter` (5.24, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from ...messages import message
from ...words.errors import UnusableModel
from .maps.sizes import MAX_SIZE
from .qwen_tokenizer import byte_names

MAX_BYTES = 64 * 2**20
"""Of a file or a tensor that holds a vocabulary: Mistral's has 19 million."""
_LONGEST = 1024
"""Bytes of a piece, at each of which it may be two others: Mistral's have 78 at most."""
_LISTS = ("tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type")
LISTS = frozenset(_LISTS)
"""Those of a GGUF header."""
_NORMAL = 1
"""The type of a token there that is no mark."""
_FIRST_MARKS = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
)  # fmt: skip
T = TypeVar("T")


class Vocabulary(NamedTuple):
    """What text becomes: pieces of bytes, each written as `byte_names` say, and marks, both with their ids."""

    tokens: Mapping[str, int]
    merges: Sequence[tuple[str, str]]
    """Two pieces each that together are another, in the order in which they are joined."""
    marks: Mapping[str, int]
    whole: bool
    """A word that is a piece is that piece, whatever its merges say."""


class _Ranked(msgspec.Struct):
    token_bytes: bytes


class _Mark(msgspec.Struct):
    rank: int
    token_str: str


class _TekkenConfig(msgspec.Struct):
    default_vocab_size: int
    default_num_special_tokens: int


class _Tekken(msgspec.Struct):
    config: _TekkenConfig
    vocab: list[_Ranked]
    special_tokens: list[_Mark] | None = None


class _Pairs(msgspec.Struct):
    vocab: dict[str, int]
    merges: list[str | tuple[str, str]]
    ignore_merges: bool = False


class _Added(msgspec.Struct):
    id: int
    content: str


class _TokenizerJson(msgspec.Struct):
    model: _Pairs
    added_tokens: list[_Added]


def from_tekken(raw: bytes) -> Vocabulary:
    """Of Mistral's own JSON: pieces in the order of their ranks, behind so many marks. Raises UnusableModel."""
    said = _decoded(raw, _Tekken)
    marks, size = said.config.default_num_special_tokens, said.config.default_vocab_size
    names = dict(enumerate(_FIRST_MARKS))
    if said.special_tokens is not None:
        names = {each.rank: each.token_str for each in said.special_tokens}
    if not 0 < marks <= size <= MAX_SIZE or any(not 0 <= rank < marks for rank in names):
        raise UnusableModel(message("weights.tokenizer", what="default_num_special_tokens"))
    ranked = [each.token_bytes for each in said.vocab[: size - marks]]
    if any(len(piece) > _LONGEST for piece in ranked):
        raise UnusableModel(message("weights.tokenizer", what="token_bytes"))
    written = _written(ranked)
    return Vocabulary(
        {piece: marks + rank for rank, piece in enumerate(written)},
        list(_merges(written)),
        {names.get(rank, f"<SPECIAL_{rank}>"): rank for rank in range(marks)},
        whole=True,
    )


def from_tokenizer_json(raw: bytes) -> Vocabulary:
    """Of a diffusers folder's `tokenizer.json`. Raises UnusableModel."""
    said = _decoded(raw, _TokenizerJson)
    marks = {each.content: each.id for each in said.added_tokens}
    pieces = {piece: place for piece, place in said.model.vocab.items() if piece not in marks}
    pairs = [_pair(each) if isinstance(each, str) else each for each in said.model.merges]
    return Vocabulary(pieces, pairs, marks, said.model.ignore_merges)


def from_gguf(lists: Mapping[str, Any]) -> Vocabulary:
    """Of the lists of a GGUF header, by their names. Raises UnusableModel."""
    tokens, merges, kinds = (lists.get(name, ()) for name in _LISTS)
    if not tokens or len(tokens) != len(kinds):
        raise UnusableModel(message("weights.no_tokenizer"))
    pieces = {token: place for place, (token, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind == _NORMAL}
    marks = {token: place for place, (token, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind != _NORMAL}
    return Vocabulary(pieces, [_pair(each) for each in merges], marks, whole=True)


def _decoded(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableModel(message("weights.tokenizer", what=str(error))) from error


def _pair(merge: object) -> tuple[str, str]:
    first, space, second = str(merge).partition(" ")
    if not space:
        raise UnusableModel(message("weights.tokenizer", what="merges"))
    return first, second


def _written(pieces: Sequence[bytes]) -> list[str]:
    names = byte_names()
    plain = [ord(name) for name in names if ord(name) < 0x100]
    table = dict(zip([*plain, *sorted(set(range(0x100)) - set(plain))], names, strict=True))
    return [piece.decode("latin-1").translate(table) for piece in pieces]


def _merges(ranked: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All pairs of pieces that are one together, by the rank of that, then by their own."""
    ranks = {piece: rank for rank, piece in enumerate(ranked)}
    for piece in ranked:
        pairs = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        there = [pair for pair in pairs if pair[0] in ranks and pair[1] in ranks]
        yield from sorted(there, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
