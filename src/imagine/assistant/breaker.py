"""A circuit breaker: who hasn't answered lately isn't asked for a while, so that nobody waits for it in vain."""

from __future__ import annotations

from collections.abc import Callable

from ..messages import Message, message
from .trouble import AssistantTrouble

FAILURES = 2
"""In a row, after which it opens."""
REST = 60.0
"""Seconds that it stays open. Then one question goes through, and its end decides."""


class Breaker:
    """Of one server; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._why: Message | None = None
        self._opened: float | None = None
        self._trying = False

    def check(self) -> None:
        """Raises AssistantTrouble while it is open."""
        if self._opened is None:
            return
        left = self._opened + REST - self._clock()
        if left > 0 or self._trying:
            assert self._why is not None, "it opened for a reason"
            raise AssistantTrouble(message("assist.resting", seconds=max(1, round(left)), why=self._why), away=True)
        self._trying = True

    def answered(self) -> None:
        """The server is there, whatever its answer is worth."""
        self._failures, self._opened, self._trying = 0, None, False

    def failed(self, why: Message) -> None:
        """It didn't answer."""
        self._failures, self._why = self._failures + 1, why
        self._trying = False
        if self._failures >= FAILURES or self._opened is not None:
            self._opened = self._clock()

    def left_open(self) -> None:
        """A question came to no end, as where its client went: nothing is known of the server."""
        self._trying = False
