"""One call at the soonest of the moments that were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Used from one event loop; each call is asked for anew."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    @property
    def when(self) -> float | None:
        """The loop's time of the call; None: there is to be none."""
        return None if self._handle is None else self._handle.when()

    def ring_in(self, seconds: float) -> None:
        """Or before that, where it was asked for sooner."""
        loop = asyncio.get_running_loop()
        if self._handle is not None:
            if self._handle.when() <= loop.time() + seconds:
                return
            self._handle.cancel()
        self._handle = loop.call_later(seconds, self._ring)

    def cancel(self) -> None:
        """There is to be none."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._call()
