"""One CLIP text model as a part: chunks of tokens to weighted embeddings, the latest of them remembered.

Weights multiply the embeddings of their tokens, after which the chunk is scaled back to the mean it had:
AUTOMATIC1111's "original" emphasis
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/sd_emphasis.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch

from ...messages import Message, message
from ...words.errors import Unsupported
from ..adapters.embedding import Embedding
from ..adapters.mix import NO_MIX, Mix, MixRows
from ..device.transfer import sent
from .part import ModulePart
from .part_key import PartKey
from .remembered import Remembered

CACHE_BYTES = 32 * 2**20


class Tokenizer(Protocol):
    """What is needed of a CLIP tokenizer; transformers' `CLIPTokenizer` is one."""

    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    def encode(self, text: str, *, add_special_tokens: bool, verbose: bool) -> list[int]: ...


class Chunk(NamedTuple):
    """Token ids without the ones around them, and a weight for each."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    placed: tuple[tuple[int, Embedding], ...] = ()
    """Embeddings, whose vectors take the places of some of them, from a place on."""


_Key = tuple[Chunk, int, bool, tuple[tuple[str, float], ...], int]


class Hidden(NamedTuple):
    """Of one chunk: embeddings (1, 77, width), and the pooled projection (1, projection) or None."""

    embeddings: torch.Tensor
    pooled: torch.Tensor | None

    @property
    def nbytes(self) -> int:
        return self.embeddings.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


class TextPart(ModulePart):
    """A `ClipTextModel` or `ClipTextModelWithProjection` and the tokenizer that feeds it.

    It is needed only while a prompt is encoded: once the device is short of memory it waits in main memory.
    """

    def __init__(
        self, module: Any, tokenizer: Tokenizer, key: PartKey | None = None, *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        super().__init__(module, key)
        self.tokenizer = tokenizer
        self.size = int(module.config.max_position_embeddings) - 2
        """Tokens of a chunk."""
        self.layers = int(module.config.num_hidden_layers)
        self._cache: Remembered[_Key, Hidden] = Remembered(cache_bytes, lambda hidden: hidden.nbytes)

    def encode(self, chunk: Chunk, *, layer: int, normed: bool, mix: Mix = NO_MIX) -> Hidden:
        """`chunk` as the `layer`, counted from behind, leaves it, in the model's own dtype and on its own device.

        `normed` has it go through the final layer norm, and nothing pooled; what of `mix` goes beside this model does.
        Shared by a cache: never write to it.
        """
        adapters = tuple((adapter.digest, weight) for adapter, weight in mix.on(self.module))
        key = (chunk, layer, normed, adapters, torch.get_num_threads())
        if (hidden := self._cache.find(key)) is not None:
            return hidden
        with MixRows(1, {0: mix}).beside(self.module):
            return self._cache.keep(key, self._encode(chunk, layer, normed))

    def spare(self) -> Message | None:
        self._cache.clear()
        if self.spared or self.home.type == "cpu":
            return None
        self.move(torch.device("cpu"))
        return message("memory.encoders")

    @torch.no_grad()
    def _encode(self, chunk: Chunk, layer: int, normed: bool) -> Hidden:
        self.arrive()
        model, tokenizer = self.module, self.tokenizer
        padding = [tokenizer.pad_token_id] * (self.size - len(chunk.ids))
        ids = [tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id, *padding]
        with self._placing(chunk):
            output = model(sent(torch.tensor([ids]), model.device))
        made, pooled = output.hidden_states[layer], None if normed else output.text_embeds
        if normed:
            made = getattr(model, "text_model", model).final_layer_norm(made)
        return Hidden(self._own(emphasise(made, chunk.weights)), None if pooled is None else self._own(pooled))

    @contextmanager
    def _placing(self, chunk: Chunk) -> Iterator[None]:
        """For the length of a block the vectors of a chunk's embeddings stand in its tokens' places."""
        if not chunk.placed:
            yield
            return

        def place(_: torch.nn.Module, __: object, answer: torch.Tensor) -> None:
            for at, embedding in chunk.placed:
                vectors = embedding.vectors.get(answer.shape[-1])
                if vectors is None:
                    width, name = answer.shape[-1], embedding.word
                    raise Unsupported(message("embedding.width", "prompt", name=name, width=width))
                # Behind the mark that begins a text.
                answer[0, 1 + at : 1 + at + embedding.count] = sent(vectors, answer.device).to(answer.dtype)

        words = next(layer for name, layer in self.module.named_modules() if name.endswith("token_embedding"))
        handle = words.register_forward_hook(place)
        try:
            yield
        finally:
            handle.remove()

    def _own(self, made: torch.Tensor) -> torch.Tensor:
        """As it would be, had it not been made in main memory for want of room."""
        return made.to(self.home, self.dtype)


def emphasise(embeddings: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """`embeddings` (1, tokens, width) with those behind the first weighted, then scaled to keep their mean.

    Where every weight is 1 they come back untouched. A scale that no average of these weights explains is left out:
    then the mean is only what is left of numbers that cancel out, and says nothing about their size.
    """
    if all(weight == 1 for weight in weights):
        return embeddings
    rest = embeddings.shape[1] - 1 - len(weights)
    factors = sent(torch.tensor([1.0, *weights, *[1.0] * rest]), embeddings.device)[None, :, None]
    before = embeddings.float()
    after = before * factors
    mean, weighted_mean = before.mean().item(), after.mean().item()
    least, most = max(0.1, min(1.0, *weights)), max(1.0, *weights)
    if weighted_mean * mean > 0 and least / 1.25 <= weighted_mean / mean <= most * 1.25:
        after = after * (mean / weighted_mean)
    return after.to(embeddings.dtype)
