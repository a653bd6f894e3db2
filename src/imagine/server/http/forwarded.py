"""Who asks, and by which address they know this server: as the connection says, or a proxy that the owner trusts.

`X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` count from a peer within `trusted_proxies` alone, since anybody can
send them. Any other mark of a proxy says only that whoever is behind it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiohttp import web

from ...fairness.clients import IPAddress, address_of
from ...settings.values import IPNetwork

FOR, PROTO, HOST, PREFIX = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"
_MARKS = frozenset([
    "forwarded", "forwarded-for", "via", "cdn-loop", "client-ip", "true-client-ip", "x-real-ip", "x-client-ip",
    "x-clientip", "x-remote-ip", "x-remote-addr", "x-cluster-client-ip", "x-original-forwarded-for", "x-original-host",
    "x-original-remote-addr", "x-proxyuser-ip", "proxy-client-ip", "wl-proxy-client-ip", "fastly-client-ip",
    "fly-client-ip", "do-connecting-ip", "x-envoy-external-address", "x-azure-clientip", "x-azure-socketip",
    "x-appengine-user-ip", "x-vercel-forwarded-for", "x-nf-client-connection-ip", "cf-connecting-ip",
    "cf-connecting-ipv6", "cf-pseudo-ipv4", "cf-ray", "cf-visitor", "cf-ipcountry", "cf-worker",
])  # fmt: skip
"""Headers by which proxies, load balancers and content networks tell for whom they ask."""
_FAMILY = "x-forwarded"
_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_.~!$&'()+,;=:@%-]+){1,16}")


class Asker(NamedTuple):
    """Who asks, and how they came here."""

    client: str
    """Their address; "local" over a Unix socket, "" where a trusted proxy says it in a way that can't be read."""
    scheme: str
    host: str
    """With a port where that isn't the scheme's own; "" for none, or for what can't be one."""
    prefix: str = ""
    """What the proxy has taken off the path's beginning, without a slash at its end."""
    mark: str = ""
    """The header of a proxy that isn't trusted, or doesn't tell for whom it asks; "" for none."""
    vouched: bool = False
    """Did a trusted proxy say all this?"""


def asker_of(request: web.Request, trusted: Sequence[IPNetwork]) -> Asker:
    """Who asks; `trusted` are the networks of the proxies that may say so."""
    peer, headers = peer_of(request), request.headers
    hosts = headers.getall("Host", [])
    direct = Asker(peer, request.scheme, hosts[0] if len(hosts) == 1 else "", mark=_mark_in(headers))
    proxy = address_of(peer)
    if not direct.mark or proxy is None or FOR not in headers or not _within(proxy, trusted):
        return direct
    scheme = _last(headers.getall(PROTO, [])).lower()
    host = _last(headers.getall(HOST, [])) or direct.host
    prefix = _last(headers.getall(PREFIX, [])).rstrip("/")
    return Asker(
        client=_client(headers.getall(FOR), proxy, trusted),
        scheme=scheme if scheme in ("http", "https") else direct.scheme,
        host=host if _HOST.fullmatch(host) else "",
        prefix=prefix if _PREFIX.fullmatch(prefix) else "",
        vouched=True,
    )


def peer_of(request: web.Request) -> str:
    """The address at the other end of the connection; "local" over a Unix socket."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) else "local"


def without_port(host: str) -> str:
    """A host without the port behind it."""
    head, colon, port = host.rpartition(":")
    return head if colon and port.isdecimal() and (head.count(":") == 0 or head.endswith("]")) else host


def _client(forwarded: Sequence[str], proxy: IPAddress, trusted: Sequence[IPNetwork]) -> str:
    """The nearest address that no trusted proxy has: what stands before it, anybody may have written.

    A loopback address is this machine's only where the proxy runs on it; another's is that proxy itself.
    """
    client = proxy
    for written in reversed(",".join(forwarded).split(",")):
        address = address_of(without_port(written.strip()).strip("[]"))
        if address is None:
            return ""
        client = address
        if not _within(client, trusted):
            break
    return str(client if proxy.is_loopback or not client.is_loopback else proxy)


def _within(address: IPAddress, networks: Sequence[IPNetwork]) -> bool:
    return any(address in network for network in networks)


def _last(values: Sequence[str]) -> str:
    """What the nearest proxy said: others write before it."""
    return ",".join(values).rpartition(",")[2].strip()


def _mark_in(names: Iterable[str]) -> str:
    return next((name for name in names if name.lower() in _MARKS or name.lower().startswith(_FAMILY)), "")
