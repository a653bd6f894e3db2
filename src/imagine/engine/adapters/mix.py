"""Adapters at work: those of one picture, and those of a batch, in which every picture may have others.

What an adapter adds is computed for one picture at a time: for its own rows (both sides of guidance), in memory of
their own, one adapter behind the other in the order of their digests. So neither the shapes nor the order of any
operation follow from who else is in the batch: a picture with adapters has the bits that it would have alone at the
same batch size, and the rows of one without are not touched at all.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor
from torch.nn import Module

from ...messages import Message
from ..execution.company import accompanied
from ..execution.shares import first_row
from .adapter import Adapter, Beside, SidePath


class Strengths(NamedTuple):
    """How much a picture has of an adapter: beside the denoiser, and beside the text encoders."""

    denoiser: float
    text: float


Weighed = tuple[tuple[Adapter, float], ...]
"""Adapters beside one network, each with its weight there, in the order of their digests."""


@dataclass(frozen=True)
class Mix:
    """A picture's adapters, each with its weights, in the order of their digests."""

    members: tuple[tuple[Adapter, Strengths], ...] = ()
    warnings: tuple[Message, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.members)

    def on(self, network: Module) -> Weighed:
        """Those of the adapters that have anything beside this network, and are to have it."""
        roles = ((adapter, adapter.role(network), weights) for adapter, weights in self.members)
        weighed = (
            (adapter, weights.denoiser if role == "denoiser" else weights.text)
            for adapter, role, weights in roles
            if role is not None
        )
        return tuple((adapter, weight) for adapter, weight in weighed if weight)

    def seeing(self, denoiser: Module) -> Sequence[tuple[Beside, float]]:
        """What of the adapters sees a map, each with its weight."""
        weighed = ((adapter, weights.denoiser) for adapter, weights in self.members)
        return [(each, weight) for adapter, weight in weighed if weight for each in adapter.seeing(denoiser)]


NO_MIX = Mix()


def mix_of(weighed: Iterable[tuple[Adapter, Strengths]]) -> Mix:
    """A mix, the same in whatever order its adapters come. One that comes twice has both weights; one of weight 0 is
    none."""
    adapters: dict[str, Adapter] = {}
    weights: defaultdict[str, list[Strengths]] = defaultdict(list)
    for adapter, each in weighed:
        adapters.setdefault(adapter.digest, adapter)
        weights[adapter.digest].append(each)
    summed = {digest: Strengths(*map(math.fsum, zip(*weights[digest], strict=True))) for digest in sorted(weights)}
    notes = dict.fromkeys(note for adapter in adapters.values() for note in adapter.warnings)
    members = tuple((adapters[digest], each) for digest, each in summed.items() if any(each))
    return Mix(members, tuple(notes)) if members or notes else NO_MIX


@dataclass(frozen=True)
class MixRows:
    """The mixes of a batch: `mixes` by slot. The rows of a slot are every `bucket`-th, beginning with it."""

    bucket: int
    mixes: Mapping[int, Mix]

    @contextmanager
    def beside(self, network: Module) -> Iterator[None]:
        """For the length of a block, layers of `network` answer with what the mixes add."""
        handles = [layer.register_forward_hook(add) for layer, add in self._added(network)]
        try:
            with accompanied(network, "loras") if handles else nullcontext():
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _added(self, network: Module) -> list[tuple[Module, Hook]]:
        by_layer: defaultdict[Module, list[tuple[int, SidePath, float]]] = defaultdict(list)
        for slot, mix in self.mixes.items():
            for adapter, weight in mix.on(network):
                for layer, path in adapter.beside(network):
                    by_layer[layer].append((slot, path, weight))
        return [(layer, _adding(self.bucket, work)) for layer, work in by_layer.items()]


Hook = Callable[[Module, tuple[Tensor, ...], Tensor], None]
"""torch's: called with a layer, what it was given, and what it answered."""


def _adding(bucket: int, work: list[tuple[int, SidePath, float]]) -> Hook:
    """Adds what `work` says, a slot's path and its weight at a time, to the answers of that slot's rows."""

    def add(layer: Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
        inputs, first = given[0], first_row()
        assert len(inputs) == len(answer), "a layer keeps rows apart"
        gain: float = getattr(layer, "gain", 1.0)  # what its answer is multiplied by, where it is (`execution/packed`)
        rows: dict[int, Tensor] = {}
        for slot, path, weight in work:
            at = (slot - first) % bucket
            if at >= len(inputs):  # its rows are in other shares of the batch
                continue
            if slot not in rows:
                # A copy: what is made of it doesn't depend on where among others it lay in memory.
                rows[slot] = inputs if bucket == 1 else inputs[at::bucket].clone()
            answer[at::bucket].add_(path(rows[slot], weight), alpha=gain)

    return add
