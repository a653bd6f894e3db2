"""Prompts to conditioning: any length, weighted, in chunks of what one CLIP text model reads at once.

A prompt's chunks are encoded one at a time (`text_part`) and joined along their tokens, so no bit of an embedding
depends on what else is being encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch

from ...messages import Message, message
from ...words.errors import BadRequest, Unsupported
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix
from .chunks import Chunk, WeightedToken, split
from .prompt_syntax import Break, parse
from .readable import between_marks, can_encode, clean, ids_of, named
from .text_part import Hidden, TextPart

MAX_CHUNKS = 64
_PLACE = 0
"""The id of a token in an embedding's place: any but the marks that begin and end a text."""


@dataclass(frozen=True)
class Encoded:
    """A prompt as conditioning, in the text models' dtype and on their device. Never write to it: parts are cached.

    `embeddings` is (1, 77·chunks, width of all text models together); `pooled`, of the last one's first chunk, is
    (1, projection) or None. `warnings` are sentences for the user.
    """

    embeddings: torch.Tensor
    pooled: torch.Tensor | None
    warnings: tuple[Message, ...] = ()


class MaskedEncoded(NamedTuple):
    """What is made of a prompt (1, length, width), and which of its tokens are seen, (1, length)."""

    embeddings: torch.Tensor
    mask: torch.Tensor
    warnings: tuple[Message, ...] = ()


class TextEncoder:
    """Encodes prompts with one text model (SD1, SD2, the SDXL refiner) or two (SDXL).

    They share one vocabulary: the first's tokenizer makes the ids, each one's own says how it pads.

    `penultimate=False` is the way of SD1 and SD2: `clip` 1 is the last layer, 2 the one before, always through the
    final layer norm. `penultimate=True` is the way of SDXL: `clip` 1 is the penultimate layer, 2 the one before, never
    normed, and the last model also gives its pooled projection. Both are diffusers' `clip_skip=clip - 1`.
    """

    def __init__(self, *parts: TextPart, penultimate: bool = False) -> None:
        self.parts = parts
        self._penultimate = penultimate
        tokenizer = parts[0].tokenizer
        self._size = parts[0].size
        self._comma = ids_of(tokenizer, ",")
        self._can_encode = lru_cache(maxsize=4096)(lambda character: can_encode(tokenizer, character))

    @property
    def max_clip(self) -> int:
        """The greatest `clip` whose layer every model has."""
        return min(part.layers for part in self.parts) - self._penultimate

    def count_chunks(self, prompt: str, *, field: str = "prompt", words: Sequence[Embedding] = ()) -> int:
        """How many chunks `prompt`, in which marks stand for `words`, takes, at least 1.

        Raises BadRequest on `field` beyond `MAX_CHUNKS`.
        """
        return len(self._chunks(prompt, field, words)[0])

    def count_all_chunks(self, prompts: Sequence[str], negative: str | None, words: Sequence[Embedding] = ()) -> int:
        """How many the longest of a picture's prompts takes: its rows are of one shape. Raises as `count_chunks`."""
        counts = [self.count_chunks(text, words=words) for text in prompts]
        if negative is not None:
            counts.append(self.count_chunks(negative, field="neg", words=words))
        return max(counts)

    def encode(
        self, prompt: str, *, clip: int = 1, chunks: int | None = None, field: str = "prompt", mix: Mix = NO_MIX,
        words: Sequence[Embedding] = (),
    ) -> Encoded:  # fmt: skip
        """`prompt` encoded in `chunks` chunks: its own, and empty prompts behind them; None is just its own.
        What of `mix` goes beside the text models does; marks in the prompt stand for `words`.

        Raises BadRequest on `field` for a prompt beyond `MAX_CHUNKS`, and Unsupported on `clip` for a layer that the
        model hasn't.
        """
        self.check_clip(clip)
        own, warnings = self._chunks(prompt, field, words)
        count = chunks or len(own)
        assert count >= len(own), f"{len(own)} chunks don't fit into {count}"
        made = [self._hidden([*own, *[Chunk()] * (count - len(own))], clip, part, mix) for part in self.parts]
        embeddings = _joined([_joined([hidden.embeddings for hidden in hiddens], 1) for hiddens in made], -1)
        return Encoded(embeddings, made[-1][0].pooled, tuple(warnings))

    def check_clip(self, clip: int) -> None:
        """Raises BadRequest or Unsupported on `clip` for a layer that the models haven't."""
        if clip < 1:
            raise BadRequest(message("clip.least", "clip", value=clip))
        if clip > self.max_clip:
            raise Unsupported(message("clip.most", "clip", value=clip, most=self.max_clip))

    def tokens(
        self, prompt: str, field: str, words: Sequence[Embedding]
    ) -> tuple[list[WeightedToken | None], list[Message]]:
        """Those of `prompt`, in which marks stand for `words`, None for each break, and what was left out."""
        pieces, warnings = parse(prompt)
        tokens: list[WeightedToken | None] = []
        unknown: set[str] = set()
        for piece in pieces:
            if isinstance(piece, Break):
                tokens.append(None)
                continue
            for text, embedding in between_marks(piece.text, words):
                cleaned, left_out = clean(text, self._can_encode)
                unknown |= left_out
                tokens += [WeightedToken(each, piece.weight) for each in ids_of(self.parts[0].tokenizer, cleaned)]
                tokens += [] if embedding is None else [WeightedToken(_PLACE, piece.weight, embedding)]
        if unknown:
            warnings.append(message("prompt.unknown", field, names=named(unknown)))
        return tokens, warnings

    def _chunks(self, prompt: str, field: str, words: Sequence[Embedding]) -> tuple[list[Chunk], list[Message]]:
        tokens, warnings = self.tokens(prompt, field, words)
        chunks = split(tokens, self._size, self._comma)
        if len(chunks) > MAX_CHUNKS:
            raise BadRequest(message("prompt.long", field, chunks=len(chunks), size=self._size, most=MAX_CHUNKS))
        return chunks, warnings

    def _hidden(self, chunks: Sequence[Chunk], clip: int, part: TextPart, mix: Mix) -> list[Hidden]:
        layer = -1 - clip if self._penultimate else -clip
        return [part.encode(chunk, layer=layer, normed=not self._penultimate, mix=mix) for chunk in chunks]


def _joined(made: Sequence[torch.Tensor], along: int) -> torch.Tensor:
    return made[0] if len(made) == 1 else torch.cat(list(made), along)
