"""A text model as a part: it is needed only while prompts are encoded, and remembers the latest of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic

import torch
from torch import Tensor
from torch.nn import Module

from ...messages import Message, message
from ...words.errors import Unsupported
from ..adapters.embedding import Embedding
from ..device.transfer import sent
from .part import ModulePart
from .part_key import PartKey
from .remembered import K, Remembered, V

PlacedWords = Sequence[tuple[int, Embedding]]
"""Embeddings, whose vectors take the places of tokens, from a place on."""


class EncoderPart(ModulePart, Generic[K, V]):
    """Once the device is short of memory it waits in main memory."""

    def __init__(self, module: Any, key: PartKey | None, most: int, size: Callable[[V], int]) -> None:
        """What was made is remembered within `most` bytes; `size` tells those of one."""
        super().__init__(module, key)
        self._cache: Remembered[K, V] = Remembered(most, size)

    def spare(self) -> Message | None:
        self._cache.clear()
        if self.spared or self.home.type == "cpu":
            return None
        self.move(torch.device("cpu"))
        return message("memory.encoders")

    def _own(self, made: Tensor) -> Tensor:
        """As it would be, had it not been made in main memory for want of room."""
        return made.to(self.home, self.dtype)


@contextmanager
def placing(words: Module, placed: PlacedWords, *, first: int) -> Iterator[None]:
    """For the length of a block the vectors of embeddings stand where the table `words` is asked for their tokens;
    places are counted from the token `first`."""
    if not placed:
        yield
        return

    def place(_: Module, __: object, answer: Tensor) -> None:
        for at, embedding in placed:
            vectors = embedding.vectors.get(answer.shape[-1])
            if vectors is None:
                raise Unsupported(message("embedding.width", "prompt", name=embedding.word, width=answer.shape[-1]))
            answer[0, first + at : first + at + embedding.count] = sent(vectors, answer.device).to(answer.dtype)

    handle = words.register_forward_hook(place)
    try:
        yield
    finally:
        handle.remove()
