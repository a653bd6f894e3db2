"""The way to another server: to one place, without proxy or redirect, and with its key only where nobody listens."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import ClientConnectorCertificateError, ClientError, ClientSSLError

from ..assistant.address import LookUp, is_near, look_up
from ..messages import Message, message
from ..words.peers import PeerSettings
from .parting import Parting, Unwanted
from .wire import MAX_MESSAGE, PATH

_TO_CONNECT = 10.0
"""Seconds for all of it."""
_FAREWELL = 1.0


class OpenPeer(NamedTuple):
    """A connection, and the session that is its own."""

    session: aiohttp.ClientSession
    socket: aiohttp.ClientWebSocketResponse

    async def close(self) -> None:
        """Lets both go, whoever still listens: a farewell is waited for no longer than a moment."""
        await self.socket.close()
        await self.session.close()


class _Near(AbstractResolver):
    """As the system knows a host, but for addresses that a key isn't to be sent to in the clear."""

    def __init__(self, find: LookUp, *, anywhere: bool) -> None:
        self._find, self._anywhere = find, anywhere
        self.is_far = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """As aiohttp asks."""
        found = await self._find(host, port)
        self.is_far = not self._anywhere and not all(is_near(address) for address in found)
        if self.is_far:
            raise OSError(None, "not in a private network")
        kinds = [(each, socket.AF_INET6 if ":" in each else socket.AF_INET) for each in found]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for each, kind in kinds
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """There is nothing to close."""


async def opened(peer: PeerSettings, find: LookUp = look_up) -> OpenPeer:
    """A connection to that server. Raises Parting."""
    is_plain = urlsplit(peer.url).scheme == "http"
    resolver = _Near(find, anywhere=peer.without_tls or not is_plain)
    if is_plain and not peer.without_tls and _is_far_literal(peer.url):
        raise Parting(message("peer.far"))
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=1, ssl=await _trusted(peer))
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_no_redirect)
    session = aiohttp.ClientSession(
        connector=connector, trace_configs=[tracing], trust_env=False, cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "Imagine"} | ({"Authorization": f"Bearer {peer.key}"} if peer.key else {}),
    )  # fmt: skip
    try:
        async with asyncio.timeout(_TO_CONNECT):
            return OpenPeer(session, await _asked(session, peer.url + PATH))
    except BaseException as error:
        await session.close()
        if isinstance(error, aiohttp.WSServerHandshakeError):
            raise Unwanted(_refused(error.status)) from error
        if isinstance(error, ClientError | OSError | ValueError):
            raise Parting(message("peer.far") if resolver.is_far else _why(error)) from error
        raise


async def _asked(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect(
        url, max_msg_size=MAX_MESSAGE, compress=0, timeout=aiohttp.ClientWSTimeout(ws_close=_FAREWELL)
    )


async def _no_redirect(*_: object) -> None:
    """What isn't where the owner says isn't asked: aiohttp would go there, of itself."""
    raise Parting(message("peer.redirect"))


async def _trusted(peer: PeerSettings) -> ssl.SSLContext | bool:
    """By whom its certificate is to be vouched for. Raises Parting."""
    if peer.ca_file is None:
        return True
    try:
        return await asyncio.to_thread(ssl.create_default_context, cafile=str(peer.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Parting(message("peer.ca_file", name=peer.ca_file.name)) from error


def _is_far_literal(url: str) -> bool:
    """Is its host an address, which nobody looks up, of no private network?"""
    try:
        return not is_near(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _why(error: Exception) -> Message:
    """What the system says of it, without the key that was sent."""
    if isinstance(error, ClientSSLError):  # its numbers are OpenSSL's
        untrusted = isinstance(error, ClientConnectorCertificateError)
        return message("peer.untrusted" if untrusted else "peer.no_tls")
    if isinstance(error, TimeoutError):
        return message("peer.slow", seconds=_TO_CONNECT)
    number = getattr(getattr(error, "os_error", error), "errno", None)
    if isinstance(number, int) and number > 0:
        return message("peer.unreachable", why=os.strerror(number).lower())
    return message("peer.no_host" if isinstance(error, OSError) else "peer.no_http")


def _refused(status: int) -> Message:
    match status:
        case 401:
            return message("peer.key")
        case 403:
            return message("peer.scope")
        case 404 | 405:
            return message("peer.older")
    return message("peer.status", status=status)
