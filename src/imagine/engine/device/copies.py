"""Copies into blocks of a device that something else computes from in between, beside what computes from others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor


class Copies(Protocol):
    """What is given to a device is in order by itself, but for copies: those go beside it."""

    def takes(self, block: Tensor) -> None:
        """Copies go into that block of the device, whose memory isn't another's before they have come to their end."""

    def into(self, block: int) -> Any:
        """A block in which copies into that block of the device are begun. They wait for all that was given before."""

    def await_copied(self, block: int) -> None:
        """What is given from now on waits for the last copy into that block."""

    def end(self) -> None:
        """What is given from now on waits for all copies."""


def copies_to(device: torch.device) -> Copies:
    return _OnQueue(device) if device.type == "cuda" else _InOrder()


class _OnQueue:
    """On a queue of their own."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._queue = device, torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._copied: dict[int, Any] = {}

    def takes(self, block: Tensor) -> None:
        block.record_stream(self._queue)

    @contextmanager
    def into(self, block: int) -> Iterator[None]:
        self._queue.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._queue):
            yield
            self._copied[block] = self._queue.record_event()

    def await_copied(self, block: int) -> None:
        torch.cuda.current_stream(self._device).wait_event(self._copied[block])

    def end(self) -> None:
        torch.cuda.current_stream(self._device).wait_stream(self._queue)


class _InOrder:
    """Where a device has one queue."""

    def takes(self, block: Tensor) -> None:
        """What comes next comes behind them."""

    @contextmanager
    def into(self, block: int) -> Iterator[None]:  # noqa: ARG002 - there is one queue
        yield

    def await_copied(self, block: int) -> None:
        """It was given before."""

    def end(self) -> None:
        """So were all."""
