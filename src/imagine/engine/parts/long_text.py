"""Prompts to what T5 makes of them: weighted, of a fixed length, the latest of them remembered.

Its tokens are those of the whole text, as diffusers' pipelines give them to it: cut at the length and padded to it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ...messages import Message, message
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix, MixRows
from ..device.transfer import sent
from .chunks import Chunk, WeightedToken, chunk_of, within
from .emphasis import emphasise
from .encoder_part import EncoderPart, placing
from .part_key import PartKey
from .prompt_syntax import Break, parse
from .readable import between_marks, clean, named

CACHE_BYTES = 128 * 2**20
"""512 tokens of T5-XXL are 4 MiB in bfloat16."""


class LongTokenizer(Protocol):
    """What is needed of T5's."""

    eos_token_id: int
    pad_token_id: int
    unk_token_id: int

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


_LongKey = tuple[Chunk, int, bool, tuple[tuple[str, float], ...], int]


class LongTextPart(EncoderPart[_LongKey, Tensor]):
    """A `T5Encoder` and the tokenizer that feeds it."""

    def __init__(
        self, module: Any, tokenizer: LongTokenizer, key: PartKey | None = None, *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        super().__init__(module, key, cache_bytes, lambda made: made.nbytes)
        self.tokenizer = tokenizer
        self.width = int(module.config.d_model)

    def encode(self, text: Chunk, *, length: int, masked: bool = False, mix: Mix = NO_MIX) -> Tensor:
        """`text`, its end mark, and padding behind, `length` tokens: (1, length, width). `masked`: no token sees the
        padding; what of `mix` goes beside this model does. Shared by a cache: never write to it."""
        adapters = tuple((adapter.digest, weight) for adapter, weight in mix.on(self.module))
        key = (text, length, masked, adapters, torch.get_num_threads())
        if (made := self._cache.find(key)) is not None:
            return made
        with MixRows(1, {0: mix}).beside(self.module):
            return self._cache.keep(key, self._encode(text, length, masked))

    @torch.no_grad()
    def _encode(self, text: Chunk, length: int, masked: bool) -> Tensor:
        self.arrive()
        tokenizer, words = self.tokenizer, self.module.shared
        ids = [*text.ids, tokenizer.eos_token_id]
        device = self.inputs_go_to
        padded = sent(torch.tensor([ids + [tokenizer.pad_token_id] * (length - len(ids))]), device)
        mask = sent(torch.arange(length)[None] < len(ids), device) if masked else None
        with placing(words, text.placed, first=0):
            made = self.module(padded, mask)
        return self._own(emphasise(made, text.weights, first=0))


class LongText(NamedTuple):
    """A prompt as T5 reads it."""

    text: Chunk
    warnings: tuple[Message, ...]


def read_long(
    tokenizer: LongTokenizer, prompt: str, length: int, *, field: str = "prompt", words: Sequence[Embedding] = ()
) -> LongText:
    """`prompt`, in which marks stand for `words`, in at most `length` tokens with the end mark. What is cut, isn't
    known to T5 or has no effect on it stands in the warnings."""
    pieces, warnings = parse(prompt)
    tokens: list[WeightedToken] = []
    left_out, unknown = set[str](), set[str]()
    for piece in pieces:
        for text, embedding in between_marks("" if isinstance(piece, Break) else piece.text, words):
            cleaned, strange = clean(text, _can_encode)
            left_out |= strange
            ids = tokenizer.encode(cleaned, add_special_tokens=False)
            if tokenizer.unk_token_id in ids:
                unknown |= {each for each in set(cleaned) if _is_unknown(tokenizer, each)}
            weight = 1.0 if isinstance(piece, Break) else piece.weight
            tokens += [WeightedToken(each, weight) for each in ids]
            tokens += [] if embedding is None else [WeightedToken(tokenizer.pad_token_id, weight, embedding)]
    kept, cut = within(tokens, length - 1)
    if left_out:
        warnings.append(message("prompt.unknown", field, names=named(left_out)))
    if unknown:
        warnings.append(message("prompt.strange", field, names=named(unknown)))
    if any(isinstance(piece, Break) for piece in pieces):
        warnings.append(message("prompt.no_break", field))
    if cut:
        warnings.append(message("prompt.cut", field, count=cut, most=length - 1))
    return LongText(chunk_of(kept), tuple(warnings))


def _can_encode(character: str) -> bool:
    """Neither half of a character, nor a control sign that is no white space."""
    return character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")


def _is_unknown(tokenizer: LongTokenizer, character: str) -> bool:
    return tokenizer.unk_token_id in tokenizer.encode(character, add_special_tokens=False)
