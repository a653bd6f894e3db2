"""How long the device works on something: by the clock where the host waits for its end, else by marks in its queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch


class Span(Protocol):
    """Begins when it is made."""

    def end(self) -> None:
        """What is measured was given to the device."""

    def seconds(self) -> float:
        """From its beginning until the device had done it; waits for that."""


class ClockSpan:
    """On a device that is waited for at the end."""

    def __init__(self, clock: Callable[[], float], synchronize: Callable[[], None]) -> None:
        self._clock, self._synchronize = clock, synchronize
        self._begun = self._ended = clock()

    def end(self) -> None:
        self._synchronize()
        self._ended = self._clock()

    def seconds(self) -> float:
        return self._ended - self._begun


class QueueSpan:
    """On a CUDA device, which stamps both marks as it comes to them. So of two spans, one behind the other, the second
    begins where the device has done the first; and one that is given too slowly has the device's waiting in it."""

    def __init__(self, device: torch.device) -> None:
        self._queue = torch.cuda.current_stream(device)
        self._marks: list[Any] = [
            torch.cuda.Event(enable_timing=True, blocking=True)  # type: ignore[no-untyped-call]
            for _ in range(2)
        ]
        self._marks[0].record(self._queue)

    def end(self) -> None:
        self._marks[1].record(self._queue)

    def seconds(self) -> float:
        self._marks[1].synchronize()
        return float(self._marks[0].elapsed_time(self._marks[1])) / 1000
