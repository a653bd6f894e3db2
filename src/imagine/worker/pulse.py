"""Heartbeats: what the main thread is doing and since when, said by a thread that does nothing else.

They let the gateway tell work (a step that takes half a minute) from a hang (no end to it, or no heartbeats).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..words.frames import Heartbeat
from .pipes import Outbox


class Pulse:
    """Written by the main thread after every unit of work, read by the heartbeat thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stage: Callable[[], str] = lambda: "starting"
        self._seen = "starting"
        self._since = clock()
        self._busy = True

    def follow(self, stage: Callable[[], str]) -> None:
        """From now on `stage()` tells what the main thread is in; it has to be safe to call from another thread."""
        self._stage = stage
        self.tick(busy=False)

    def tick(self, *, busy: bool) -> None:
        """The main thread got somewhere; `busy` if there is more to do."""
        self._busy = busy
        self._since = self._clock()

    def beat(self) -> Heartbeat:
        """The state of the main thread; a stage first seen now counts from now."""
        stage, now = self._stage(), self._clock()
        if stage != self._seen:
            self._seen, self._since = stage, now
        return Heartbeat(stage=stage, age=now - self._since, busy=self._busy)


def keep_beating(pulse: Pulse, outbox: Outbox, interval: float) -> None:
    """Sends a heartbeat every `interval` seconds from a thread of its own, as long as somebody reads them."""
    pause = threading.Event()

    def beat() -> None:
        while not pause.wait(interval):
            try:
                outbox.send(pulse.beat())
            except OSError:  # the gateway is gone: the reading thread ends the process
                return

    threading.Thread(target=beat, name="pulse", daemon=True).start()
