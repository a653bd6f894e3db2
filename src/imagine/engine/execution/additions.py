"""What pictures of a batch have beside their denoiser, adapters apart: computed for one picture, added to its rows.

It is made of the picture's own rows alone, in memory of their own, before the batch's forward; hooks on the denoiser's
layers then add it where that picture's rows are. So no shape and no sum follows from who else is in the batch, and the
rows of a picture without any are not touched at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch.nn import Module
from torch.utils.hooks import RemovableHandle

from ..threads.alone import alone, dealt
from .company import accompanied
from .execution import Inputs
from .shares import first_row, share_rows


class SlotRows(NamedTuple):
    """A picture's rows in a batch: every `bucket`-th, beginning with its `slot`; one for each side."""

    slot: int
    bucket: int

    def within(self, count: int) -> tuple[slice, slice]:
        """Of `count` rows that this thread is at: where the picture's are, and which of its sides these are: the
        negative one if there is any, then its prompts."""
        first = first_row()
        start = (self.slot - first) % self.bucket
        side = (first + start) // self.bucket
        return slice(start, count, self.bucket), slice(side, side + len(range(start, count, self.bucket)))


class Made(Protocol):
    """An addition that is ready for a forward."""

    def hooks(self, network: Any, rows: SlotRows) -> Iterable[RemovableHandle]:
        """Set on layers of the denoiser, which is called with `rows` of this picture's among others."""


class Addition(Protocol):
    """What a picture has beside its denoiser at an evaluation."""

    @property
    def field(self) -> str:
        """What asks for it, in a request."""

    @property
    def convolving(self) -> Sequence[Module]:
        """Its networks that see pictures by convolutions, and so their edges."""

    def made(self, asked: Inputs) -> Made:
        """For what the denoiser is asked of this picture: all of its sides, and nobody else's. From any thread."""


class Accompanied(NamedTuple):
    """A picture of a batch that has additions."""

    rows: SlotRows
    additions: Sequence[Addition]
    asked: Inputs
    """What the denoiser is asked of it alone."""


class ReadyAddition(NamedTuple):
    """An addition that is ready for a forward, and whose it is."""

    made: Made
    rows: SlotRows
    field: str


def ready(pictures: Sequence[Accompanied]) -> Sequence[ReadyAddition]:
    """The additions of these pictures, before a forward of all of them."""
    each = [(picture, addition) for picture in pictures for addition in picture.additions]
    made = _all([partial(_made, addition, picture.asked) for picture, addition in each])
    return [
        ReadyAddition(one, picture.rows, addition.field) for one, (picture, addition) in zip(made, each, strict=True)
    ]


@contextmanager
def beside(network: Any, additions: Sequence[ReadyAddition]) -> Iterator[None]:
    """For the length of a block `network` has these beside it; there are some."""
    handles: list[RemovableHandle] = []
    try:
        for made, rows, _ in additions:
            handles += made.hooks(network, rows)
        with accompanied(network, additions[0].field):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _all(works: list[Callable[[], Made]]) -> Sequence[Made]:
    """By this thread and torch's; where a batch is made in shares, each by a thread that works alone."""
    if not share_rows():
        return [work() for work in works]
    with alone():
        return dealt(works)


@torch.inference_mode()
def _made(addition: Addition, asked: Inputs) -> Made:
    return addition.made(asked)
