"""Who counts as one client: an address, and of IPv6 the network that one household or host is given."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_PREFIX = 64
"""Bits of an IPv6 address that one customer shares (RFC 6177, RFC 7421): the rest is anybody's to choose."""


def address_of(text: str) -> IPAddress | None:
    """The address that `text` names, an IPv4 one where IPv6 only wraps it; None for what is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def client_from_key(name: str) -> str:
    """Whom the key of that name stands for, wherever it is used from: no address looks so."""
    return f"key {name}"


def key_of_client(client: str) -> str | None:
    """The name of the key that a client stands for; None where it is an address."""
    return client.removeprefix("key ") if client.startswith("key ") else None


@lru_cache(maxsize=4096)
def client_from_address(text: str) -> str:
    """Whom an address stands for: itself, or its /64. Each loopback address is somebody of its own."""
    address = address_of(text)
    if address is None:
        return text
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback:
        return str(address)
    return str(ipaddress.IPv6Network((address, _PREFIX), strict=False))
