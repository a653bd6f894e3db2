"""What a service tells systemd by datagrams to the socket that it names: that it is ready, alive, reloading, stopping.

The protocol is that of sd_notify(3) and sd_watchdog_enabled(3).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping

_log = logging.getLogger(__name__)
_NEWS = 2.0
"""Seconds at most between two looks at what to show as the service's status."""


class Notifier:
    """systemd's ear, deaf where none listens. It takes the variables that name it out of the environment.

    They are meant for this process alone: a worker that inherited them could speak in its name.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._address = environ.pop("NOTIFY_SOCKET", "")
        self._beat = _half_of(environ.pop("WATCHDOG_USEC", ""))
        if environ.pop("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):  # it is meant for who started us
            self._beat = None

    @property
    def listens(self) -> bool:
        """Is there a systemd that wants to know?"""
        return self._address[:1] in ("/", "@")

    @property
    def beat(self) -> float | None:
        """Seconds between two signs of life, half of what systemd allows; None where it wants none."""
        return self._beat

    def tell(self, *state: str) -> None:
        """Says such as `READY=1`. What systemd can't be told is logged, and never waited for."""
        if not self.listens:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto("\n".join(state).encode(), address)
        except OSError as error:
            _log.warning("systemd can't be told %s: %s", state[0], error)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Tells of a reload, from its start to its end, however that is."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        try:
            yield
        finally:
            self.tell("READY=1")


async def keep_beating(notifier: Notifier, *, alive: Callable[[], bool], status: Callable[[], str]) -> None:
    """Says for ever that the event loop runs, as long as `alive()`, and how the service is, where that has changed."""
    sent = ""
    while notifier.listens:
        state = ["WATCHDOG=1"] if notifier.beat is not None and alive() else []
        if (now := status()) != sent:
            state.append(f"STATUS={now}")
            sent = now
        if state:
            notifier.tell(*state)
        await asyncio.sleep(min(notifier.beat or _NEWS, _NEWS))


def _half_of(microseconds: str) -> float | None:
    return int(microseconds) / 2e6 if microseconds.isdecimal() and int(microseconds) else None
