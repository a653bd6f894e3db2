"""Pictures that are only to be looked at, as moderation's endpoint has them: one at a time, clients in turn."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ...dispatch.models import WorkerModels
from ...dispatch.places import may_wait
from ...messages import message
from ...pictures.looking.turns import Turns
from ...words.errors import Busy
from ...words.frames import Scored
from ...words.model import Model

_SECONDS = 0.05
"""What a look takes, until one was made."""


class Scoring:
    """Of one gateway. A worker has one of them to look at at most, so that what it paints waits for no more."""

    def __init__(self, models: WorkerModels, most: int) -> None:
        """`most` requests may wait, and of one client its share of these."""
        self._models, self._most, self._turns = models, most, Turns()
        self._asking = Counter[str]()
        self._seconds = _SECONDS

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """A place among those that wait, for a whole request. Raises Busy."""
        waiting, own = self._asking.total(), self._asking[client]
        if not may_wait(waiting, own, self._most):
            seconds = max(1, math.ceil(waiting * self._seconds))
            full = {"most": self._most, "seconds": seconds}
            refusal = (
                message("busy.queue", None, **full)
                if waiting >= self._most
                else message("busy.share", None, own=own, **full)
            )
            raise Busy(refusal, retry_after=float(seconds))
        self._asking[client] += 1
        try:
            yield
        finally:
            self._asking[client] -= 1
            self._asking += Counter()  # without those who have none

    async def score(self, checker: Model, img: bytes, client: str) -> Scored:
        """What is seen in one picture, in the turn of `client`. Raises ImagineError."""
        async with self._turns.turn(client):
            begun = time.monotonic()
            scored = await self._models.score(checker, img)
            self._seconds = time.monotonic() - begun
            return scored
