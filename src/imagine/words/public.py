"""Which addresses are the open internet's: what a name leads to is looked at before anything is sent there."""

from __future__ import annotations

import contextlib
import ipaddress

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as IPv6 alone can reach them (RFC 6052)."""
_COMPATIBLE = ipaddress.ip_network("::/96")


def is_public(address: str) -> bool:
    """Is it an address of the open internet, and of nobody's own network, however it is written?"""
    with contextlib.suppress(ValueError):
        one = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(one, ipaddress.IPv6Address):
            if one in _TRANSLATED:
                return is_public(str(ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)))
            if one.ipv4_mapped is not None:
                return is_public(str(one.ipv4_mapped))
            if one.sixtofour is not None or one.teredo is not None or one.is_site_local or one in _COMPATIBLE:
                return False
        return one.is_global and not one.is_multicast
    return False
