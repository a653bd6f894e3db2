"""A forward recorded once as a CUDA graph and replayed: one launch for a thousand, whose host would be the slower part.

What is recorded is the very forward that would run otherwise, kernel by kernel. Nobody has to believe that its bits are
the same: a recording is used only after it answered the very bits that the network had just answered for the same
input. So it decides no bits, and no recipe tells of it.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .company import accompanied_by
from .execution import Execution, Inputs
from .recordings import Recordings

_log = logging.getLogger(__name__)
BEFORE = 2
"""How often shapes must have come: what is lazily made for them is made by then, and they may come again."""
MOST = 16
"""Recordings that are kept of a network: a few sizes, each in some buckets."""
PAUSE = 500
"""Forwards after which something is recorded again where memory ran short."""


class Graphs:
    """An `Execution` that records what another does, by the shapes of its inputs."""

    def __init__(self, inner: Execution, network: Any, recordings: Recordings) -> None:
        self._inner, self._network, self._recordings = inner, network, recordings
        self._recorded: OrderedDict[Hashable, Recorded] = OrderedDict()
        self._came: Counter[Hashable] = Counter()
        self._refused: set[Hashable] = set()
        self._pause = 0

    def run(self, inputs: Inputs) -> Tensor:
        # What goes beside it is computed by hooks, whose work is another for each batch.
        if accompanied_by(self._network):
            return self._inner.run(inputs)
        key = _key(inputs)
        if (recorded := self._recorded.get(key)) is not None:
            self._recorded.move_to_end(key)
            return recorded.replay(inputs)
        answer = self._inner.run(inputs)
        if self._is_due(key):
            self._record(key, inputs, answer)
        return answer

    def recorded(self) -> Mapping[str, Any]:
        return self._inner.recorded()

    def drop(self) -> None:
        if self._recorded:
            self._pause = PAUSE
        self._recorded.clear()
        self._came.clear()
        self._inner.drop()

    def _is_due(self, key: Hashable) -> bool:
        if key in self._refused:
            return False
        if self._pause:
            self._pause -= 1
            return False
        self._came[key] += 1
        return self._came[key] >= BEFORE

    def _record(self, key: Hashable, inputs: Inputs, answer: Tensor) -> None:
        """Keep a recording if it gives this answer."""
        del self._came[key]
        self._recordings.attempts += 1
        while len(self._recorded) >= MOST:
            self._recorded.popitem(last=False)
        recorded = self._attempt(inputs)
        if recorded is None:
            self._refused.add(key)
        elif not _same(recorded.replay(inputs), answer):
            _log.warning("a recorded forward answers other bits, and is not used: %s", key)
            self._refused.add(key)
        else:
            self._recorded[key] = recorded
            self._recordings.add(self, recorded)

    def _attempt(self, inputs: Inputs) -> Recorded | None:
        """None where it can't be recorded: then everything goes on as before."""
        queue = torch.cuda.current_stream(inputs.latents.device)
        try:
            return Recorded(self._inner, inputs, self._recordings.pool)
        except RuntimeError as error:
            # Where the recording fails, torch leaves its queue the current one.
            torch.cuda.set_stream(queue)
            torch.cuda.synchronize(inputs.latents.device)  # raises where the device is lost
            _log.info("a forward is not recorded: %s", str(error).partition("\n")[0])
        return None


class Recorded:
    """One recording, its inputs and its answer at places of their own."""

    def __init__(self, execution: Execution, inputs: Inputs, pool: Any) -> None:
        added = inputs.added and {name: value.clone() for name, value in inputs.added.items()}
        self._inputs = Inputs(inputs.latents.clone(), inputs.timesteps.clone(), inputs.context.clone(), added)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads decode and load meanwhile: what they ask of the device is none of this.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._answer = execution.run(self._inputs)

    def replay(self, inputs: Inputs) -> Tensor:
        for (_, place), (_, value) in zip(_named(self._inputs), _named(inputs), strict=True):
            place.copy_(value)
        self._graph.replay()
        return self._answer.clone()


def _named(inputs: Inputs) -> Iterator[tuple[str, Tensor]]:
    """All tensors of a forward's input."""
    yield from (("latents", inputs.latents), ("timesteps", inputs.timesteps), ("context", inputs.context))
    yield from sorted((inputs.added or {}).items())


def _key(inputs: Inputs) -> Hashable:
    """Equal where all is equal but the values."""
    return tuple((name, tuple(value.shape), value.stride(), str(value.dtype)) for name, value in _named(inputs))


def _same(one: Tensor, other: Tensor) -> bool:
    """To the bit: not a number is as good as any."""
    return one.dtype == other.dtype and torch.equal(
        one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8)
    )
