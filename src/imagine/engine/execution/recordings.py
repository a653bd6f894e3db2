"""What was recorded on a CUDA device, to be replayed: all of it shares memory, and goes where memory runs short."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

import torch


class Recorder(Protocol):
    """Holds what it recorded."""

    def drop(self) -> None:
        """Let go of it."""


class Recordings:
    """Of one device. Calls come from the engine's thread."""

    def __init__(self) -> None:
        self._recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
        self._recorded: weakref.WeakSet[Any] = weakref.WeakSet()
        self._pool: Any = None
        self.attempts = 0
        """How often something was, or was to be, recorded."""

    def __len__(self) -> int:
        return len(self._recorded)

    @property
    def pool(self) -> Any:
        """The memory that the next recording shares with those that are there.

        Recordings may share it whatever their order, since each one's answer is copied out before another is replayed.
        torch takes no pool again that nothing is left of.
        """
        if not self._recorded or self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        return self._pool

    def add(self, recorder: Recorder, recorded: object) -> None:
        """`recorder` holds something that was `recorded` in the pool."""
        self._recorders.add(recorder)
        self._recorded.add(recorded)

    def drop(self) -> bool:
        """Let go of all; says whether there was any."""
        had = len(self) > 0
        for recorder in list(self._recorders):
            recorder.drop()
        return had
