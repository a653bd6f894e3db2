"""One CLIP text model as a part: chunks of tokens to weighted embeddings, the latest of them remembered."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ..adapters.mix import NO_MIX, Mix, MixRows
from ..device.transfer import sent
from .chunks import Chunk
from .emphasis import emphasise
from .encoder_part import EncoderPart, placing
from .part_key import PartKey
from .readable import Tokenizer

CACHE_BYTES = 32 * 2**20


_Key = tuple[Chunk, int, bool, bool, tuple[tuple[str, float], ...], int]


class Hidden(NamedTuple):
    """Of one chunk: embeddings (1, 77, width), and the pooled projection (1, projection) or None."""

    embeddings: torch.Tensor
    pooled: torch.Tensor | None

    @property
    def nbytes(self) -> int:
        return self.embeddings.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


class TextPart(EncoderPart[_Key, Hidden]):
    """A `ClipTextModel` or `ClipTextModelWithProjection` and the tokenizer that feeds it."""

    def __init__(
        self, module: Any, tokenizer: Tokenizer, key: PartKey | None = None, *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        super().__init__(module, key, cache_bytes, lambda hidden: hidden.nbytes)
        self.tokenizer = tokenizer
        self.size = int(module.config.max_position_embeddings) - 2
        """Tokens of a chunk."""
        self.layers = int(module.config.num_hidden_layers)

    def encode(self, chunk: Chunk, *, layer: int, normed: bool, pools: bool = False, mix: Mix = NO_MIX) -> Hidden:
        """`chunk` as the `layer`, counted from behind, leaves it, in the model's own dtype and on its own device.

        `normed` has it go through the final layer norm, and nothing pooled; `pools` has the end mark pooled where the
        model doesn't project it either. What of `mix` goes beside this model does.
        Shared by a cache: never write to it.
        """
        adapters = tuple((adapter.digest, weight) for adapter, weight in mix.on(self.module))
        key = (chunk, layer, normed, pools, adapters, torch.get_num_threads())
        if (hidden := self._cache.find(key)) is not None:
            return hidden
        with MixRows(1, {0: mix}).beside(self.module):
            return self._cache.keep(key, self._encode(chunk, layer, normed, pools))

    @torch.no_grad()
    def _encode(self, chunk: Chunk, layer: int, normed: bool, pools: bool) -> Hidden:
        self.arrive()
        model, tokenizer = self.module, self.tokenizer
        padding = [tokenizer.pad_token_id] * (self.size - len(chunk.ids))
        ids = torch.tensor([[tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id, *padding]])
        ids = sent(ids, self.inputs_go_to)
        with self.there(), placing(self._words, chunk.placed, first=1):
            output = model(ids)
            made, pooled = output.hidden_states[layer], None if normed else output.text_embeds
            if pools and pooled is None:
                pooled = model.pooled(ids, output.hidden_states[-1])
            if normed:
                made = getattr(model, "text_model", model).final_layer_norm(made)
        return Hidden(self._own(emphasise(made, chunk.weights)), None if pooled is None else self._own(pooled))

    @property
    def _words(self) -> torch.nn.Module:
        """The table of tokens."""
        return next(layer for name, layer in self.module.named_modules() if name.endswith("token_embedding"))
