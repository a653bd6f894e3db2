"""What systemd is told of a service, by datagrams to the socket that it names: ready, alive, stopping."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping


def tell(state: str, environ: Mapping[str, str] | None = None) -> None:
    """Says `state`, such as `READY=1`; nothing where no systemd listens. Raises OSError for a socket that is gone."""
    address = (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address[0] == "@" else address)
        channel.sendall(state.encode())


def beat_every(environ: Mapping[str, str] | None = None) -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None where it wants none."""
    microseconds = (os.environ if environ is None else environ).get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdecimal() and int(microseconds) else None


async def keep_beating() -> None:
    """Says that the event loop is alive, for ever."""
    seconds = beat_every()
    while seconds is not None:
        tell("WATCHDOG=1")
        await asyncio.sleep(seconds)
