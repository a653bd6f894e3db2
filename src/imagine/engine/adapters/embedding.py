"""An embedding: vectors that stand where a word's own would (Gal et al. 2022, "An Image is Worth One Word",
arXiv:2208.01618), for each of a model's text encoders as many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from torch import Tensor

from ...identity.stamp import unchanged
from ...messages import message
from ...words.errors import ModelChanged
from ...words.model import EmbeddingUse


@dataclass(frozen=True)
class Embedding:
    """Equal where the content of its file is."""

    digest: str
    """Of its file, and its name there where several are in it."""
    word: str = field(compare=False)
    """What a prompt calls it."""
    vectors: Mapping[int, Tensor] = field(compare=False)
    """(count, width) in float32, on the CPU, by their width."""

    @property
    def count(self) -> int:
        """How many places it takes in a prompt."""
        return len(next(iter(self.vectors.values())))


EmbeddingReader = Callable[[EmbeddingUse], Embedding]
"""Reads an embedding's file. Raises UnusableModel."""


class OpenEmbeddings:
    """Those that pictures have, each read once for as long as any has it."""

    def __init__(self, read: EmbeddingReader) -> None:
        self._read = read
        self._there: WeakValueDictionary[str, Embedding] = WeakValueDictionary()

    def of(self, uses: Iterable[EmbeddingUse]) -> tuple[Embedding, ...]:
        """What a picture's prompts say. Raises UnusableModel, ModelChanged."""
        return tuple(map(self._one, uses))

    def _one(self, use: EmbeddingUse) -> Embedding:
        there = self._there.get(use.identity)
        if there is None:
            there = self._there[use.identity] = self._read(use)
            if not unchanged(use.component.files):
                raise ModelChanged(message("adapter.replaced", name=use.word))
        return there
