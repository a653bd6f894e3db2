"""Several encoders' answers as one conditioning: T5 beside the CLIPs of Flux and Stable Diffusion 3, or alone.

Each is asked as diffusers' pipelines (0.42, Apache-2.0) ask it: CLIP reads the first 75 tokens of a prompt, T5 as many
as its family was trained on. All prompts are of one shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ...messages import Message, message
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix
from .chunks import Chunk, chunk_of, within
from .long_text import LongTextPart, LongTokenizer, read_long
from .part import ModulePart
from .prompts import Encoded, MaskedEncoded, TextEncoder
from .text_part import Hidden, TextPart


class _Clips:
    """CLIPs of one vocabulary, which read the beginning of a prompt."""

    def __init__(self, *parts: TextPart) -> None:
        self._parts = parts
        self._encoder = TextEncoder(*parts, penultimate=True)
        self.max_clip = self._encoder.max_clip
        self.size = parts[0].size

    def read(self, prompt: str, field: str, words: Sequence[Embedding]) -> tuple[Chunk, int, list[Message]]:
        """Its first tokens, and of how many the rest is."""
        tokens, warnings = self._encoder.tokens(prompt, field, words)
        kept, cut = within([token for token in tokens if token is not None], self.size)
        return chunk_of(kept), cut, warnings

    def encode(self, chunk: Chunk, *, layer: int, mix: Mix) -> list[Hidden]:
        return [part.encode(chunk, layer=layer, normed=False, pools=True, mix=mix) for part in self._parts]

    def check(self, clip: int) -> None:
        self._encoder.check_clip(clip)


class FluxText:
    """What Flux is told: T5's answer, and the end mark of CLIP-L, pooled."""

    def __init__(self, clip: TextPart, long: LongTextPart, *, length: int) -> None:
        """`length`: T5's tokens."""
        self.parts: tuple[ModulePart, ...] = (clip, long)
        self._clips, self._long, self._length = _Clips(clip), long, length

    def encode(
        self, prompt: str, *, clip: int = 1, field: str = "prompt", mix: Mix = NO_MIX, words: Sequence[Embedding] = ()
    ) -> Encoded:
        """`embeddings` are (1, length, width of T5), `pooled` (1, width of CLIP). `clip` counts CLIP's layers, whose
        last is pooled."""
        chunk, _, heard = self._clips.read(prompt, field, words)
        long, warned = read_long(self._long.tokenizer, prompt, self._length, field=field, words=words)
        hidden = self._clips.encode(chunk, layer=-1, mix=mix)[0]
        embeddings = self._long.encode(long, length=self._length, mix=mix)
        return Encoded(embeddings, hidden.pooled, _once(heard, warned, _no_layers(clip)))


class SD3Text:
    """What Stable Diffusion 3 is told: L and G side by side, T5's answer behind them, both end marks pooled."""

    def __init__(
        self, clip_l: TextPart, clip_g: TextPart, long: LongTextPart | None, *, length: int, width: int
    ) -> None:
        """`length`: T5's tokens, and `width` its numbers for each; zeros are in their place where there is none."""
        self.parts: tuple[ModulePart, ...] = (clip_l, clip_g) if long is None else (clip_l, clip_g, long)
        self._clips, self._long, self._length, self._width = _Clips(clip_l, clip_g), long, length, width

    @property
    def max_clip(self) -> int:
        return self._clips.max_clip

    def encode(
        self, prompt: str, *, clip: int = 1, field: str = "prompt", mix: Mix = NO_MIX, words: Sequence[Embedding] = ()
    ) -> Encoded:
        """`embeddings` are (1, 77 + length, width), `pooled` (1, widths of L and G). `clip` 1 is the penultimate layer.

        Raises Unsupported on `clip` for a layer that they haven't.
        """
        self._clips.check(clip)
        chunk, cut, heard = self._clips.read(prompt, field, words)
        hiddens = self._clips.encode(chunk, layer=-1 - clip, mix=mix)
        short = torch.cat([hidden.embeddings for hidden in hiddens], -1)
        short = functional.pad(short, (0, self._width - short.shape[-1]))
        behind, warned = self._behind(prompt, short, cut, field, mix, words)
        pooled = torch.cat([hidden.pooled for hidden in hiddens if hidden.pooled is not None], -1)
        return Encoded(torch.cat([short, behind], 1), pooled, _once(heard, warned))

    def _behind(
        self, prompt: str, short: Tensor, cut: int, field: str, mix: Mix, words: Sequence[Embedding]
    ) -> tuple[Tensor, Sequence[Message]]:
        """What stands behind the CLIPs' tokens, and what of the prompt nobody reads."""
        if self._long is None:
            lost = [message("prompt.cut", field, count=cut, most=self._clips.size)] if cut else []
            return short.new_zeros(1, self._length, self._width), lost
        long, warned = read_long(self._long.tokenizer, prompt, self._length, field=field, words=words)
        return self._long.encode(long, length=self._length, mix=mix).to(short), warned


class _SmallLetters:
    """T5's tokenizer for a network that was told captions in small letters."""

    def __init__(self, tokenizer: LongTokenizer) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id, self.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
        self.unk_token_id = tokenizer.unk_token_id

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return self._tokenizer.encode(text.lower(), add_special_tokens=add_special_tokens)


class MaskedText:
    """What Chroma, PixArt and AuraFlow are told: T5's answer to the prompt alone, and of its padding only what is
    `seen`."""

    def __init__(
        self, long: LongTextPart, *, length: int, fill: int | None = None, seen: int = 0, small: bool = False
    ) -> None:
        """`length`: the most tokens; `fill`: a prompt is filled up to a multiple of so many, rather than to `length`,
        for a network that nothing else of its padding moves; `seen`: tokens of padding, of which Chroma sees one;
        `small`: prompts are in small letters, as PixArt's."""
        self.parts: tuple[ModulePart, ...] = (long,)
        self._long, self._length, self._fill, self._seen = long, length, fill or length, seen
        self._tokenizer = _SmallLetters(long.tokenizer) if small else long.tokenizer

    def encode(
        self, prompt: str, *, clip: int = 1, field: str = "prompt", mix: Mix = NO_MIX, words: Sequence[Embedding] = ()
    ) -> MaskedEncoded:
        """`clip` has no effect: it has no CLIP."""
        long, warned = read_long(self._tokenizer, prompt, self._length, field=field, words=words)
        own = len(long.ids) + 1 + self._seen  # its end mark, and padding
        length = min(self._length, math.ceil(own / self._fill) * self._fill)
        embeddings = self._long.encode(long, length=length, masked=True, mix=mix)
        seen = torch.arange(length, device=embeddings.device)[None] < own
        return MaskedEncoded(embeddings, seen, _once(warned, _no_layers(clip)))


def _no_layers(clip: int) -> Sequence[Message]:
    return [message("clip.no_layers", "clip")] if clip > 1 else []


def _once(*warnings: Sequence[Message]) -> tuple[Message, ...]:
    """All of them, each once, in order: both encoders read one syntax."""
    return tuple(dict.fromkeys(each for some in warnings for each in some))
