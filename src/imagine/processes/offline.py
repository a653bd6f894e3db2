"""Offline for certain: from then on this process asks no other machine for anything, whatever a library would like.

Python tells its hooks of every connection before it is made. Native code that brings sockets of its own isn't seen by
them; none of what we depend on has any.
"""

from __future__ import annotations

import errno
import ipaddress
import sys
from collections.abc import Iterable

_SENDS = frozenset(["socket.connect", "socket.sendto", "socket.sendmsg"])
_ASKS = frozenset(["socket.getaddrinfo", "socket.gethostbyname"])


class Offline(OSError):
    """Something would have asked another machine."""

    def __init__(self, host: str) -> None:
        super().__init__(errno.ENETUNREACH, f"imagine was started with --offline, and {host} is elsewhere")


def go_offline(listening: Iterable[str] = ()) -> None:
    """There is no way back. `listening` are names that may be looked up, since we listen there."""
    names = frozenset([*listening, "localhost", ""])

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event in _SENDS:
            address = arguments[1]
            if isinstance(address, tuple) and not _is_here(host := str(address[0])) and host not in names:
                raise Offline(host)
        elif event in _ASKS and not _is_numeric(host := _text(arguments[0])) and host not in names:
            raise Offline(host)

    sys.addaudithook(refuse)


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else "" if host is None else str(host)


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    return host == "localhost" or (_is_numeric(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback)
