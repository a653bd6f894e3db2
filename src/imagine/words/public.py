"""Which addresses are the open internet's: what a name leads to is looked at before anything is sent there."""

from __future__ import annotations

import contextlib
import ipaddress

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as IPv6 alone can reach them (RFC 6052)."""
_RESERVED = ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "5f00::/16", "3fff::/20", "192.88.99.0/24")
_OWN = tuple(ipaddress.ip_network(each) for each in _RESERVED)
"""What Python takes for everybody's, in some release: IPv4 addresses as somebody's own network translates them (RFC
4291, 2765, 8215), what routers write into addresses (9602), what is for examples (9637), and relays (7526)."""


def is_public(address: str) -> bool:
    """Is it an address of the open internet, and of nobody's own network, however it is written?"""
    with contextlib.suppress(ValueError):
        one = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(one, ipaddress.IPv6Address):
            if one in _TRANSLATED:
                return is_public(str(ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)))
            if one.ipv4_mapped is not None:
                return is_public(str(one.ipv4_mapped))
            if one.sixtofour is not None or one.teredo is not None or one.is_site_local:
                return False
        return one.is_global and not one.is_multicast and not any(one in network for network in _OWN)
    return False
