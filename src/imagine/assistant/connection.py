"""One kept-alive connection to the assistant's server: bounded in time and size, and to one place.

No redirect is followed, no proxy asked, no cookie kept, nothing unpacked.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_exceptions import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientSSLError,
    ConnectionTimeoutError,
)

from ..files.reading import read_text
from ..messages import Message, message
from ..words.assistant import AssistantSettings
from ..words.errors import ImagineError, without_folders
from .address import AssistantPlace, LookUp, look_up, place_of
from .answers import words
from .dialects import error_in
from .trouble import AssistantTrouble, Remedy

MOST = 2**20
"""Bytes of an answer: ours have a few thousand."""
_PIECE = 2**16
_TO_CONNECT = 10.0
"""Seconds."""
_LONGEST_KEY = 2**12
_SHOWN = 120
_PLAIN = frozenset({400, 415, 422, 501})
"""What may be said to a schema, or to a wish for no thoughts, by a server that knows neither."""
_PASSES = frozenset({408, 409, 423, 425, 429})


class _Pinned(AbstractResolver):
    """Knows one host, at the addresses that were found when it was looked up."""

    def __init__(self) -> None:
        self.place: AssistantPlace | None = None
        """None before the first look-up."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """As aiohttp asks."""
        if self.place is None or host != self.place.host:
            raise OSError(None, "another host")
        kinds = [(each, socket.AF_INET6 if ":" in each else socket.AF_INET) for each in self.place.addresses]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for each, kind in kinds
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """There is nothing to close."""


class Answer(NamedTuple):
    """What came back, whole."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object that it is; an empty one for what is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class AssistantConnection:
    """To the server of these settings, made when it is first needed. Of one event loop."""

    def __init__(self, settings: AssistantSettings, find: LookUp = look_up) -> None:
        self._settings = settings
        self._find = find
        self._resolver = _Pinned()
        self._session: aiohttp.ClientSession | None = None
        self._is_lost = True
        """Does nobody know where it is, or was nobody there any more?"""
        self._opening = asyncio.Lock()

    def is_here(self) -> bool:
        """Is the server on this very machine, as far as it was found? Nobody is asked."""
        place = self._resolver.place
        return place is not None and place.is_here and not self._is_lost

    async def get(self, url: str, seconds: float) -> Answer:
        """What is there. Raises AssistantTrouble where nobody answers."""
        return await self._asked("GET", url, None, seconds)

    async def post(self, url: str, body: Mapping[str, Any], seconds: float) -> Answer:
        """The answer to an object. Raises AssistantTrouble where nobody answers."""
        return await self._asked("POST", url, body, seconds)

    async def close(self) -> None:
        """Lets it go."""
        if self._session is not None:
            await self._session.close()

    async def _asked(self, method: str, url: str, body: Mapping[str, Any] | None, seconds: float) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        # Less than there is for all of it: so it is told who isn't there from who doesn't answer.
        to_connect = min(_TO_CONNECT, seconds * 3 / 4)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=to_connect)
        try:
            async with asyncio.timeout(to_connect):
                session = await self._opened()
            async with (
                asyncio.timeout(seconds),
                session.request(method, url, data=data, allow_redirects=False, timeout=limits) as answer,
            ):
                return Answer(answer.status, await _whole(answer))
        except (ClientError, OSError, ValueError) as error:
            # Its host may be elsewhere by now, and that has to be near, too.
            self._is_lost |= isinstance(error, ClientConnectorError | ConnectionTimeoutError)
            within = to_connect if self._is_lost else seconds
            too_long = isinstance(error, TimeoutError)
            why = message("assist.slow", seconds=round(within, 1)) if too_long else _unreachable(error)
            raise AssistantTrouble(why, "wait", away=True) from error

    async def _opened(self) -> aiohttp.ClientSession:
        """Raises AssistantTrouble where nobody knows where it is, or it isn't to be asked there."""
        async with self._opening:
            if self._is_lost:
                self._resolver.place = await place_of(self._settings, self._find)
                self._is_lost = False
            if self._session is None:
                connector = aiohttp.TCPConnector(
                    resolver=self._resolver, use_dns_cache=False, limit=4, keepalive_timeout=60
                )
                self._session = aiohttp.ClientSession(
                    connector=connector, headers=await self._headers(), auto_decompress=False, trust_env=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                )  # fmt: skip
            return self._session

    async def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json", "User-Agent": "Imagine"}
        if (file := self._settings.key_file) is None:
            return headers
        try:
            key = await asyncio.to_thread(read_text, file, _LONGEST_KEY, field="assistant")
        except ImagineError as error:
            raise AssistantTrouble(message("assist.no_key"), away=True) from error
        return headers | {"Authorization": f"Bearer {words(key, _LONGEST_KEY)}"}


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """All of a body. Raises AssistantTrouble for one that is too long, or packed though nobody asked for that."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise AssistantTrouble(message("assist.no_reply"))
    body = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE):
        body += piece
        if len(body) > MOST:
            answer.close()
            raise AssistantTrouble(message("assist.too_long"), "otherwise")
    return bytes(body)


def _unreachable(error: Exception) -> Message:
    """What the system says of such an error, without the address: where it is is the owner's business."""
    if isinstance(error, ClientSSLError):  # its numbers are OpenSSL's
        untrusted = isinstance(error, ClientConnectorCertificateError)
        return message("assist.unreachable", why=message("assist.untrusted" if untrusted else "assist.no_tls"))
    number = getattr(getattr(error, "os_error", error), "errno", None)
    why = os.strerror(number) if isinstance(number, int) and number > 0 else message("assist.no_http")
    return message("assist.unreachable", why=why)


def check(answer: Answer) -> None:
    """Raises AssistantTrouble for an answer that is no success, with what may help."""
    status = answer.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise AssistantTrouble(message("assist.redirect", status=status))
    if status in (401, 403):
        raise AssistantTrouble(message("assist.key", status=status))
    remedy: Remedy = "less" if status in _PLAIN or status == 500 else ""
    if status in _PASSES or status > 501:
        remedy = "wait"
    why = without_folders(words(error_in(answer.json()), _SHOWN))
    note = message("assist.status", status=status, why=why) if why else message("assist.bare", status=status)
    raise AssistantTrouble(note, remedy, away=status >= 500 or status in _PASSES)
