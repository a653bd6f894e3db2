"""Prompts to conditioning: any length, weighted, in chunks of what one CLIP text model reads at once.

A prompt's chunks are encoded one at a time and joined along their tokens, so no bit of an embedding depends on what
else is being encoded. Weights multiply the embeddings of their tokens, after which the chunk is scaled back to the
mean it had: AUTOMATIC1111's "original" emphasis
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/sd_emphasis.py).
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import torch

from ...messages import Note, message
from ...words.errors import BadRequest, Unsupported
from .prompt_syntax import Break, parse
from .prompt_tags import without_tags

COMMA_REACH = 20
"""A full chunk ends at a comma that lies at most so many tokens back, so that no phrase is torn."""
MAX_CHUNKS = 64
CACHE_BYTES = 64 * 2**20
_CONTROL_MARKS = ("<|startoftext|>", "<|endoftext|>")
_SPACES = "\t\n\v\f\r\x85"


class Tokenizer(Protocol):
    """What is needed of a CLIP tokenizer; transformers' `CLIPTokenizer` is one."""

    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    def encode(self, text: str, *, add_special_tokens: bool, verbose: bool) -> list[int]: ...


class Tower(NamedTuple):
    """A transformers `CLIPTextModel` or `CLIPTextModelWithProjection` and the tokenizer that feeds it."""

    model: Any
    tokenizer: Tokenizer


@dataclass(frozen=True)
class Encoded:
    """A prompt as conditioning, in the text model's dtype and on its device. Shared by a cache: never write to it.

    `embeddings` is (1, 77·chunks, width of all towers together); `pooled`, of the last tower's first chunk, is
    (1, projection) or None. `warnings` are sentences for the user.
    """

    embeddings: torch.Tensor
    pooled: torch.Tensor | None
    chunks: int
    warnings: tuple[Note, ...] = ()

    @property
    def nbytes(self) -> int:
        return self.embeddings.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


class Chunk(NamedTuple):
    """Token ids without the ones around them, and a weight for each."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


class TextEncoder:
    """Encodes prompts with one tower (SD1, SD2, the SDXL refiner) or two (SDXL), and remembers the latest.

    The towers share one vocabulary: the first's tokenizer makes the ids, each one's own says how it pads.

    `penultimate=False` is the way of SD1 and SD2: `clip` 1 is the last layer, 2 the one before, always through the
    final layer norm. `penultimate=True` is the way of SDXL: `clip` 1 is the penultimate layer, 2 the one before, never
    normed, and the last tower also gives its pooled projection. Both are diffusers' `clip_skip=clip - 1`.
    """

    def __init__(self, *towers: Tower, penultimate: bool = False, cache_bytes: int = CACHE_BYTES) -> None:
        self._towers = towers
        self._penultimate = penultimate
        self._cache: OrderedDict[tuple[str, int, int], Encoded] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._cached_bytes = 0

        tokenizer = towers[0].tokenizer
        self._size = towers[0].model.config.max_position_embeddings - 2
        self._comma = _ids(tokenizer, ",")
        self._can_encode = lru_cache(maxsize=4096)(lambda character: _can_encode(tokenizer, character))

    @property
    def nbytes(self) -> int:
        """Bytes of the towers' weights."""
        return sum(parameter.nbytes for tower in self._towers for parameter in tower.model.parameters())

    @property
    def max_clip(self) -> int:
        """The greatest `clip` whose layer every tower has."""
        return int(min(tower.model.config.num_hidden_layers for tower in self._towers)) - self._penultimate

    def count_chunks(self, prompt: str, *, field: str = "prompt") -> int:
        """How many chunks `prompt` takes, at least 1.

        Raises BadRequest on `field` beyond `MAX_CHUNKS`.
        """
        return len(self._chunks(prompt, field)[0])

    def encode(self, prompt: str, *, clip: int = 1, chunks: int | None = None, field: str = "prompt") -> Encoded:
        """`prompt` encoded in `chunks` chunks: its own, and empty prompts behind them; None is just its own.

        Raises BadRequest on `field` for a prompt beyond `MAX_CHUNKS`, and Unsupported on `clip` for a layer that the
        model hasn't.
        """
        self._check_clip(clip)
        own, warnings = self._chunks(prompt, field)
        count = chunks or len(own)
        assert count >= len(own), f"{len(own)} chunks don't fit into {count}"
        key = (prompt, clip, count)
        encoded = self._cache.get(key)
        if encoded is None:
            encoded = self._encode([*own, *[Chunk()] * (count - len(own))], clip)
            self._remember(key, encoded)
        self._cache.move_to_end(key)
        return replace(encoded, warnings=tuple(warnings))

    def clear(self) -> None:
        """Forget every embedding, to free the device memory they hold."""
        self._cache.clear()
        self._cached_bytes = 0

    def _check_clip(self, clip: int) -> None:
        if clip < 1:
            raise BadRequest(message("clip.least", "clip", value=clip))
        if clip > self.max_clip:
            raise Unsupported(message("clip.most", "clip", value=clip, most=self.max_clip))

    def _chunks(self, prompt: str, field: str) -> tuple[list[Chunk], list[Note]]:
        plain, tags = without_tags(prompt, field)
        pieces, warnings = parse(plain)
        warnings = [*tags, *warnings]
        tokenizer = self._towers[0].tokenizer
        tokens: list[tuple[int, float] | None] = []
        unknown: set[str] = set()
        for piece in pieces:
            if isinstance(piece, Break):
                tokens.append(None)
                continue
            text, left_out = clean(piece.text, self._can_encode)
            unknown |= left_out
            tokens += [(token, piece.weight) for token in _ids(tokenizer, text)]
        if unknown:
            warnings.append(message("prompt.unknown", field, names=_named(unknown)))
        chunks = split(tokens, self._size, self._comma)
        if len(chunks) > MAX_CHUNKS:
            raise BadRequest(message("prompt.long", field, chunks=len(chunks), size=self._size, most=MAX_CHUNKS))
        return chunks, warnings

    @torch.no_grad()
    def _encode(self, chunks: Sequence[Chunk], clip: int) -> Encoded:
        made = {chunk: [self._hidden(tower, chunk, clip) for tower in self._towers] for chunk in dict.fromkeys(chunks)}
        rows = [torch.cat([embeddings for embeddings, _ in made[chunk]], dim=-1) for chunk in chunks]
        return Encoded(torch.cat(rows, dim=1), made[chunks[0]][-1][1], len(chunks))

    def _hidden(self, tower: Tower, chunk: Chunk, clip: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """One tower's weighted embeddings (1, 77, width) of one chunk, and its pooled projection or None."""
        model, tokenizer = tower
        padding = [tokenizer.pad_token_id] * (self._size - len(chunk.ids))
        ids = [tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id, *padding]
        output = model(torch.tensor([ids], device=model.device), output_hidden_states=True)
        if self._penultimate:
            return emphasise(output.hidden_states[-1 - clip], chunk.weights), getattr(output, "text_embeds", None)
        norm = getattr(model, "text_model", model).final_layer_norm
        return emphasise(norm(output.hidden_states[-clip]), chunk.weights), None

    def _remember(self, key: tuple[str, int, int], encoded: Encoded) -> None:
        """Keep `encoded`, and the latest others that fit beside it."""
        self._cache[key] = encoded
        self._cached_bytes += encoded.nbytes
        while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
            self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes


def split(tokens: Sequence[tuple[int, float] | None], size: int, comma: Sequence[int]) -> list[Chunk]:
    """Weighted tokens in chunks of at most `size`; None starts a new one. There is always one chunk.

    A full chunk ends behind its last comma (`comma` holds the ids of a comma alone) where that is at most
    `COMMA_REACH` tokens back, unless the next token is a comma itself: as AUTOMATIC1111 splits.
    """
    chunks: list[Chunk] = []
    current: list[tuple[int, float]] = []

    def end(at: int) -> None:
        nonlocal current
        chunks.append(Chunk(tuple(token for token, _ in current[:at]), tuple(weight for _, weight in current[:at])))
        current = current[at:]

    for token in tokens:
        if token is None:
            end(len(current))
            continue
        if len(current) == size:
            reach = range(size - 1, max(size - 1 - COMMA_REACH, -1), -1) if token[0] not in comma else ()
            end(next((at + 1 for at in reach if current[at][0] in comma), size))
        current.append(token)
    if current or not chunks:
        end(len(current))
    return chunks


def emphasise(embeddings: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """`embeddings` (1, tokens, width) with those behind the first weighted, then scaled to keep their mean.

    Where every weight is 1 they come back untouched. A scale that no average of these weights explains is left out:
    then the mean is only what is left of numbers that cancel out, and says nothing about their size.
    """
    if all(weight == 1 for weight in weights):
        return embeddings
    rest = embeddings.shape[1] - 1 - len(weights)
    factors = torch.tensor([1.0, *weights, *[1.0] * rest], device=embeddings.device)[None, :, None]
    before = embeddings.float()
    after = before * factors
    mean, weighted_mean = before.mean().item(), after.mean().item()
    least, most = max(0.1, min(1.0, *weights)), max(1.0, *weights)
    if weighted_mean * mean > 0 and least / 1.25 <= weighted_mean / mean <= most * 1.25:
        after = after * (mean / weighted_mean)
    return after.to(embeddings.dtype)


def clean(text: str, can_encode: Callable[[str], bool]) -> tuple[str, set[str]]:
    """`text` without what a tokenizer can't take, and what that was: characters, and marks that steer the model."""
    left_out = {character for character in set(text) if not can_encode(character)}
    text = text.translate(dict.fromkeys(map(ord, left_out)))
    for mark in _CONTROL_MARKS:
        if mark in text:
            left_out.add(mark)
            text = text.replace(mark, " ")
    return text, left_out


def _can_encode(tokenizer: Tokenizer, character: str) -> bool:
    """Whether `character` is white space, or text that becomes tokens of its own."""
    if character in _SPACES:
        return True
    if unicodedata.category(character) in ("Cc", "Cs"):
        return False
    ids = _ids(tokenizer, character)
    return character.isspace() if not ids else tokenizer.eos_token_id not in ids


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False, verbose=False)


def _named(characters: set[str], most: int = 10) -> Note:
    named = [c if len(c) > 1 or c.isprintable() else f"U+{ord(c):04X}" for c in sorted(characters)]
    first = ", ".join(named[:most])
    return message("names.more", names=first, more=len(named) - most) if len(named) > most else first
