"""The forward of BERT and of what is built like it. Sequences of one length are one group, so that nothing is masked;
all groups go through the layers' products at once, since reading the weights is most of the work.

Devlin et al. 2018, https://arxiv.org/abs/1810.04805; RoBERTa and XLM-RoBERTa count positions from behind the padding's
number (Liu et al. 2019, https://arxiv.org/abs/1907.11692); MPNet adds a bias by how far apart two tokens stand, in T5's
buckets (Song et al. 2020, https://arxiv.org/abs/2004.09297).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..messages import message
from ..words.errors import UnusableModel
from .folder import EncoderConfig
from .weights import EmbeddingTable, Floats, MappedWeights

Ids = NDArray[np.int64]
_FARTHEST = 128
"""Tokens, from which on MPNet's distances are one."""
_MOST_LAYERS, _WIDEST = 64, 8192


class AffineMap(NamedTuple):
    """An affine map."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        made: Floats = x @ self.weight.T + self.bias
        return made


class Normalisation(NamedTuple):
    """Over the last axis."""

    weight: Floats
    bias: Floats
    eps: float

    def __call__(self, x: Floats) -> Floats:
        centred: Floats = x - x.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        made: Floats = centred / np.sqrt(variance + np.float32(self.eps)) * self.weight + self.bias
        return made


class _AttentionNames(NamedTuple):
    """Where a layer's parts lie below its own name."""

    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    out: str = "attention.output.dense"
    norm: str = "attention.output.LayerNorm"


_MPNET = _AttentionNames(
    "attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm"
)


@dataclass(frozen=True)
class TokenGroup:
    """Sequences of one length, among all tokens."""

    count: int
    length: int
    at: slice
    bias: Floats | None
    """Float32 [heads, length, length], added to their scores."""


class EncoderLayer:
    """Attention and a feed-forward network, each normalised after its sum."""

    def __init__(
        self, weights: MappedWeights, at: str, config: EncoderConfig, width: int, names: _AttentionNames
    ) -> None:
        self._heads, self._activation = config.heads, _ACTIVATIONS[config.activation]

        def linear(name: str, outs: int, ins: int = width) -> AffineMap:
            return AffineMap(
                weights.take(f"{at}.{name}.weight", (outs, ins)), weights.take(f"{at}.{name}.bias", (outs,))
            )

        inner = weights.shape(f"{at}.intermediate.dense.weight")[0]
        self._query, self._key, self._value = (linear(each, width) for each in names[:3])
        self._out, self._norm = linear(names.out, width), layer_norm(weights, f"{at}.{names.norm}", width, config.eps)
        self._widen, self._narrow = linear("intermediate.dense", inner), linear("output.dense", width, inner)
        self._last_norm = layer_norm(weights, f"{at}.output.LayerNorm", width, config.eps)

    def __call__(self, x: Floats, groups: Sequence[TokenGroup]) -> Floats:
        """Float32 [tokens, width], as `x`, of all groups one after the other."""
        query, key, value = self._query(x), self._key(x), self._value(x)
        attended = [self._attended(query[g.at], key[g.at], value[g.at], g) for g in groups]
        x = self._norm(x + self._out(np.concatenate(attended)))
        return self._last_norm(x + self._narrow(self._activation(self._widen(x))))

    def _attended(self, query: Floats, key: Floats, value: Floats, group: TokenGroup) -> Floats:
        split = (group.count, group.length, self._heads, -1)
        query, key, value = (part.reshape(split).transpose(0, 2, 1, 3) for part in (query, key, value))
        scores = query @ key.transpose(0, 1, 3, 2) * np.float32(1 / math.sqrt(query.shape[-1]))
        scores = scores if group.bias is None else scores + group.bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        made: Floats = (scores @ value).transpose(0, 2, 1, 3).reshape(group.count * group.length, -1)
        return made


class SentenceNetwork:
    """From tokens to what each means among the others. Raises UnusableModel for weights that don't fit `config`."""

    def __init__(self, weights: MappedWeights, config: EncoderConfig) -> None:
        self._words = EmbeddingTable(weights, "embeddings.word_embeddings.weight")
        self.vocabulary, self.width = self._words.count, self._words.width
        if self.width > _WIDEST or config.heads < 1 or self.width % config.heads:
            raise UnusableModel(message("guard.heads", heads=config.heads, width=self.width))
        if config.activation not in _ACTIVATIONS:
            raise UnusableModel(message("guard.activation", name=config.activation))
        self._positions = EmbeddingTable(weights, "embeddings.position_embeddings.weight", self.width)
        self._offset = config.position_offset
        self.longest = self._positions.count - self._offset
        self._first_type = self._type(weights)
        self._norm = layer_norm(weights, "embeddings.LayerNorm", self.width, config.eps)
        self._buckets = EmbeddingTable(weights, _BIAS, config.heads) if weights.has(_BIAS) else None
        names = _MPNET if self._buckets is not None else _AttentionNames()
        there = [
            f"encoder.layer.{n}" for n in range(_MOST_LAYERS) if weights.has(f"encoder.layer.{n}.output.dense.bias")
        ]
        self._layers = [EncoderLayer(weights, at, config, self.width, names) for at in there]

    def __call__(self, ids: Sequence[Ids]) -> list[Floats]:
        """Float32 [count, length, width] for each group of ids [count, length]."""
        x = self._norm(np.concatenate([self._embedded(group) for group in ids]))
        groups, end = [], 0
        for count, length in (group.shape for group in ids):
            groups.append(TokenGroup(count, length, slice(end, end := end + count * length), self._bias(length)))
        for layer in self._layers:
            x = layer(x, groups)
        return [x[group.at].reshape(group.count, group.length, -1) for group in groups]

    def _embedded(self, ids: Ids) -> Floats:
        """Float32 [count * length, width]."""
        at = np.arange(self._offset, self._offset + ids.shape[1])
        return (self._words[ids] + self._positions[at] + self._first_type).reshape(-1, self.width)

    def _type(self, weights: MappedWeights) -> Floats:
        """What is added to every token of a first sentence; there is no second."""
        if not weights.has(_TYPES):
            return np.zeros(self.width, np.float32)
        first: Floats = EmbeddingTable(weights, _TYPES, self.width)[np.array([0])][0]
        return first

    def _bias(self, length: int) -> Floats | None:
        """Float32 [heads, length, length]."""
        if self._buckets is None:
            return None
        at = np.arange(length)
        return self._buckets[bucket_of(at[None, :] - at[:, None], self._buckets.count)].transpose(2, 0, 1)


_TYPES = "embeddings.token_type_embeddings.weight"
_BIAS = "encoder.relative_attention_bias.weight"


def layer_norm(weights: MappedWeights, at: str, width: int, eps: float) -> Normalisation:
    """The one of that name."""
    return Normalisation(weights.take(f"{at}.weight", (width,)), weights.take(f"{at}.bias", (width,)), eps)


def bucket_of(distance: Ids, buckets: int) -> Ids:
    """T5's buckets of signed distances: exact when near, by logarithm up to 128, half of them for either side."""
    half, exact = buckets // 2, buckets // 4
    far = np.maximum(np.abs(distance), 1).astype(np.float32)
    spread = np.log(far / np.float32(exact)) / np.float32(math.log(_FARTHEST / exact)) * (half - exact)
    large = np.minimum(exact + np.maximum(spread, 0).astype(np.int64), half - 1)
    return np.where(np.abs(distance) < exact, np.abs(distance), large) + np.where(distance > 0, half, 0)


def _gelu(x: Floats) -> Floats:
    """With the error function by Abramowitz and Stegun's 7.1.26, which is within 1.5e-7 of it."""
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
    series: Floats = np.zeros_like(t)
    for term in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(term)) * t
    tail = series * np.exp(-z * z)  # 1 - erf(z)
    made: Floats = np.maximum(x, 0) - np.abs(x) * np.float32(0.5) * tail
    return made


def _gelu_tanh(x: Floats) -> Floats:
    inner = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x**3)
    made: Floats = x * np.float32(0.5) * (1 + np.tanh(inner))
    return made


def _relu(x: Floats) -> Floats:
    made: Floats = np.maximum(x, 0)
    return made


_ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "gelu": _gelu, "gelu_new": _gelu_tanh, "gelu_pytorch_tanh": _gelu_tanh, "relu": _relu,
}  # fmt: skip
"""By the names that configurations have for them."""
