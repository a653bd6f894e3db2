"""A sentence encoder of a file: one vector of length one for each text.

What it is, is told by its tensors: BERT, RoBERTa, XLM-RoBERTa and MPNet, or static embeddings, a vector for each word
whose mean is taken (model2vec, MIT, https://github.com/MinishLab/model2vec).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ..messages import message
from ..registry.embedders import PREFIXES
from ..words.errors import UnusableModel
from .folder import EncoderConfig, config_from, home_of, tokenizer_of
from .transformer import Ids, SentenceNetwork
from .weights import EmbeddingTable, Floats, MappedWeights

_STATIC = ("embeddings", "embedding.weight")
_BATCH = 512
"""Tokens that are worked on at once: more take memory, and no less time."""
_FEW, _SPELLED, _ANY = 3, 0.6, 0.8
"""Letters from which a text tells its language; tokens a letter, and some for any, from which that is none of the
tokenizer's: English has 0.25 in its own, Russian in an English one 0.9."""
_IDEOGRAPHS = "\u2e80"
"""Where letters begin of which each is a word."""
_LONGEST_TEXT = 4000
"""Characters of a text that are tokenized."""


class PooledTokens(Protocol):
    """Tokens of texts to one vector each."""

    width: int
    vocabulary: int
    special: bool
    """Does it want the marks that a tokenizer puts around a text?"""
    longest: int

    def __call__(self, ids: Sequence[Ids]) -> list[Floats]:
        """Float32 [count, width] for each group of ids [count, length], of which none is empty."""


class SentenceEncoder:
    """Opened from the safetensors file at `path`, for at most so many tokens of a text, whatever it could read. Raises
    UnusableModel for one that isn't whole."""

    def __init__(self, path: Path, most: int = 512) -> None:
        folder = path.parent
        if not path.resolve().is_relative_to(home_of(folder)):
            raise UnusableModel(message("guard.elsewhere", name=path.name))
        self.weights = MappedWeights(path)
        self._config = config_from(folder, self.weights.metadata)
        self._pooled = _pooled_from(self.weights, self._config)
        self._most = min(most, self._config.longest, self._pooled.longest)
        self._tokenizer, unknown = tokenizer_of(folder)
        self._unknown = None if self._pooled.special else unknown
        if self._tokenizer.get_vocab_size() > self._pooled.vocabulary:
            raise UnusableModel(message("guard.vocabulary"))
        if not np.isfinite(self.embed(["a picture"])).all():
            raise UnusableModel(message("guard.not_numbers"))

    @property
    def digest(self) -> str:
        """What tells it from another: by its header and what is said beside it."""
        return f"{self.weights.digest}-{self._config.pooling}-{self._config.prefix}"

    @property
    def width(self) -> int:
        return self._pooled.width

    def embed(self, texts: Sequence[str]) -> Floats:
        """Float32 [texts, width], each of length one; zeros for a text that nothing is known of."""
        made, ids = np.zeros((len(texts), self.width), np.float32), [self._ids(text) for text in texts]
        for batch in _batches([len(each) for each in ids]):
            groups = [np.array([ids[at] for at in places], np.int64) for places in batch]
            for places, vectors in zip(batch, self._pooled(groups), strict=True):
                made[places] = vectors
        made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), np.float32(1e-12))
        return made

    def _ids(self, text: str) -> list[int]:
        said = (self._config.prefix + text)[:_LONGEST_TEXT]
        encoded = self._tokenizer.encode(said, add_special_tokens=self._pooled.special)
        if _is_spelled(said, len(encoded.ids) - sum(encoded.special_tokens_mask)):
            return []
        ids = encoded.ids
        most = self._most
        if len(ids) > most:
            ids = [*ids[: most - 1], ids[-1]] if self._pooled.special else ids[:most]
        return [each for each in ids if each != self._unknown]


class _SentenceTokens:
    """A transformer's tokens, made one vector as the encoder was taught."""

    special = True

    def __init__(self, weights: MappedWeights, config: EncoderConfig) -> None:
        self._network, self._pooling = SentenceNetwork(weights, config), config.pooling
        self.width, self.vocabulary = self._network.width, self._network.vocabulary
        self.longest = max(2, self._network.longest)

    def __call__(self, ids: Sequence[Ids]) -> list[Floats]:
        return [self._made_one(states) for states in self._network(ids)]

    def _made_one(self, states: Floats) -> Floats:
        if self._pooling == "cls":
            return states[:, 0]
        made: Floats = states.max(1) if self._pooling == "max" else states.mean(1)
        return made


class _StaticWords:
    """The mean of the words' vectors, each by its weight; several words may share one."""

    special = False
    longest = 512

    def __init__(self, weights: MappedWeights, name: str) -> None:
        self._rows = EmbeddingTable(weights, name)
        self.width = self._rows.width
        mapped = weights.stored("mapping")[0] if weights.has("mapping") else None
        self._mapping = None if mapped is None else mapped.reshape(-1).astype(np.int64)
        self.vocabulary = self._rows.count if self._mapping is None else len(self._mapping)
        self._weights = weights.take("weights", (self.vocabulary,)) if weights.has("weights") else None

    def __call__(self, ids: Sequence[Ids]) -> list[Floats]:
        return [self._mean(group) for group in ids]

    def _mean(self, ids: Ids) -> Floats:
        if ids.max() >= self.vocabulary:
            raise UnusableModel(message("guard.vocabulary"))
        rows = self._rows[ids if self._mapping is None else self._mapping[ids]]
        made: Floats = (rows if self._weights is None else rows * self._weights[ids][..., None]).mean(1)
        return made


def _batches(lengths: Sequence[int]) -> Iterator[list[list[int]]]:
    """The places of texts that aren't empty: those of one length together, so many at once as a batch may hold."""
    batch, tokens = dict[int, list[int]](), 0
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if (length := lengths[at]) == 0:
            continue
        if tokens and tokens + length > _BATCH:
            yield list(batch.values())
            batch, tokens = {}, 0
        batch.setdefault(length, []).append(at)
        tokens += length
    if batch:
        yield list(batch.values())


def _is_spelled(text: str, tokens: int) -> bool:
    """Is it in an alphabet that the tokenizer knows by letters alone? Such texts are all alike to an encoder."""
    letters = sum(letter.isalpha() and letter < _IDEOGRAPHS for letter in text)
    return letters >= _FEW and tokens > _SPELLED * sum(map(str.isalpha, text)) + _ANY


def _pooled_from(weights: MappedWeights, config: EncoderConfig) -> PooledTokens:
    if (name := next(filter(weights.has, _STATIC), None)) is not None:
        return _StaticWords(weights, name)
    for prefix in PREFIXES:
        weights.prefix = prefix
        if weights.has("embeddings.word_embeddings.weight"):
            return _SentenceTokens(weights, config)
    raise UnusableModel(message("unfit.untold"))
