"""Where the assistant is: looked up once, and only asked at the addresses that were found then, until nobody is there.

Pictures are sent there. So it is on this machine or in a private network, unless the owner names its host; and that is
looked at each time that the name is looked up, so that what it comes to mean later, whoever sees to that, is of no
consequence.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from ..messages import message
from ..words.assistant import AssistantSettings
from .trouble import AssistantTrouble

_log = logging.getLogger("imagine.assistant")

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The numeric addresses of a name. Raises OSError."""
_PORTS = {"http": 80, "https": 443}


class AssistantPlace(NamedTuple):
    """A host and what it is at."""

    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def is_here(self) -> bool:
        """Is it this very machine, whose card both then share?"""
        return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in self.addresses)


async def look_up(host: str, port: int) -> list[str]:
    """As the system knows it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


async def place_of(settings: AssistantSettings, find: LookUp = look_up) -> AssistantPlace:
    """Where the settings' URL leads. Raises AssistantTrouble where nobody knows, or pictures aren't to be sent."""
    parts = urlsplit(settings.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        addresses = await find(host, port)
    except OSError as error:
        _log.warning("the assistant's host %s can't be looked up: %s", host, error.strerror or error)
        raise AssistantTrouble(message("assist.no_host"), "wait", away=True) from error
    if host not in settings.allow and (strange := [each for each in addresses if not is_near(each)]):
        _log.warning("the assistant isn't asked: %s is at %s; assistant.allow can name it", host, strange[0])
        raise AssistantTrouble(message("assist.elsewhere"), away=True)
    return AssistantPlace(host, port, tuple(addresses))


def is_near(address: str) -> bool:
    """Is it this machine's, or one of a private network? What clouds tell their machines by (link-local) is neither."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return True
    if parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast or parsed.is_reserved:
        return False
    return parsed.is_private
