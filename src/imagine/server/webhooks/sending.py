"""One message on its way to one address: looked up once, connected to what was found, and not a step further.

An address of somebody's own network is only reached where the owner wrote that very address; a name that leads to one
isn't, since who has the name decides where it leads, anew each time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ... import __version__
from ...messages import Message, message
from ...words.public import is_public

PATIENCE = 10.0
"""Seconds for all of one attempt."""
_LOOKUPS = 16
"""Names that are looked up at a time."""
_REACHED = socket.AI_ADDRCONFIG & getattr(socket, "AI_MASK", ~0)
"""Only addresses of a kind that this machine has one of; macOS refuses what its mask hasn't."""
GONE = 410
"""How a receiver says that it wants no more."""


class NotTaken(Exception):
    """An attempt came to nothing; `note` says why."""

    def __init__(self, note: Message, *, final: bool = False) -> None:
        super().__init__(str(note))
        self.note = note
        self.final = final


class _Private(OSError):
    """A name leads to nobody's but its owner's own network."""


class OwnLookup(AbstractResolver):
    """The system's, on threads of its own: where no name server answers, nothing else waits for it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="webhooks")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As aiohttp's own has it. Raises OSError."""
        look = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, _REACHED)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(at[0]), port=int(at[1]), family=of, proto=proto, flags=numeric)
            for of, _, proto, _, at in found
        ]

    async def close(self) -> None:
        """Waits for none that is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """What `inner` finds, as far as it is the open internet's; of this machine's own name, as far as it is its own."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As aiohttp asks, which connects to what it is given and looks nothing up itself."""
        found = await self._inner.resolve(host, port, family)
        fits = [one for one in found if (_is_own if host == "localhost" else is_public)(one["host"])]
        if not fits:
            raise _Private
        return fits

    async def close(self) -> None:
        """The inner one's."""
        await self._inner.close()


class Sender:
    """Sends messages, none of which leads anywhere else. Used within one event loop."""

    def __init__(self, resolver: AbstractResolver | None = None, patience: float = PATIENCE) -> None:
        self._resolver = CheckedResolver(resolver or OwnLookup())
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One attempt: taken once this returns. Raises NotTaken. Nothing of the answer but its status is read."""
        try:
            async with asyncio.timeout(self._patience):
                status = await self._status(url, headers, body)
        except TimeoutError as error:
            raise NotTaken(message("webhook.slow", None, seconds=f"{self._patience:g}")) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotTaken(_why(error)) from error
        if not 200 <= status < 300:
            raise NotTaken(message("webhook.status", None, status=status), final=status == GONE)

    async def close(self) -> None:
        """What is on its way is given up."""
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def _status(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        answer = await self._opened().post(URL(url, encoded=True), data=body, headers=headers, allow_redirects=False)
        answer.close()
        return answer.status

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False, force_close=True, limit=0)
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
                headers={"User-Agent": f"Imagine/{__version__}", "Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=None),
            )  # fmt: skip
        return self._session


def _is_own(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _why(error: Exception) -> Message:
    if isinstance(getattr(error, "os_error", error), _Private):
        return message("webhook.private", None)
    number = getattr(getattr(error, "os_error", error), "errno", None)
    told = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
    return message("webhook.unreached", None, why=told)
