"""The one place from which this program asks other machines, and only those that a site names.

Every step of a redirect is looked at before it is taken: its host must be one of the site's, its address a public one
unless it is the endpoint that the owner configured, and the owner's key goes to the endpoint alone.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .. import __version__
from ..messages import message
from ..words.public import is_public
from .manners import MANNERS, Manners
from .offer import SiteName
from .sites import ModelSite, Sites
from .trouble import DownloadFailed, Interrupted, trouble_of

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 6
_TO_CONNECT = 20.0
_BUFFER = 2**20


class _PublicOnly(AbstractResolver):
    """Finds hosts, and of those that aren't the owner's own choice the public addresses alone."""

    def __init__(self, own: frozenset[str], public: Callable[[str], bool]) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._own = own
        self._public = public
        self.refused: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As aiohttp asks."""
        found = await self._inner.resolve(host, port, family)
        if host in self._own:
            return found
        public = [one for one in found if self._public(one["host"])]
        if not public:
            self.refused.add(host)
            raise OSError(None, "its address is a private one")
        return public

    async def close(self) -> None:
        """There is nothing to close."""


class SiteConnection:
    """To the sites, made when it is first needed. Of one event loop."""

    def __init__(self, sites: Sites, manners: Manners = MANNERS, *, public: Callable[[str], bool] = is_public) -> None:
        self.sites = sites
        own = frozenset(urlsplit(site.endpoint).hostname or "" for site in (sites.hub, sites.civitai))
        self._resolver = _PublicOnly(own, public)
        self.manners = manners
        self._public = public
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def get(
        self, name: SiteName, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at `url`, where the site's redirects lead. Raises DownloadFailed, Interrupted."""
        if self.sites.offline:
            raise DownloadFailed(message("pull.offline"))
        try:
            async with self._led(self.sites.named(name), url, headers or {}) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not isinstance(error, aiohttp.ClientError | TimeoutError | ConnectionError):
                raise  # the disk's, not the network's
            raise self._broken(url, error) from error

    @contextlib.asynccontextmanager
    async def _led(
        self, site: ModelSite, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of all redirects."""
        session = self._opened()
        for _ in range(_MOST_REDIRECTS):
            own = {"Authorization": f"Bearer {site.key}"} if site.key and site.is_own(url) else {}
            exact = URL(url, encoded=True)  # a link that is signed is signed as it is written
            async with session.get(exact, headers={**headers, **own}, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    if (trouble := await trouble_of(answer, site)) is not None:
                        raise trouble
                    yield answer
                    return
                url = _led_to(site, url, answer.headers.get("Location", ""))
            self._check(site, url)
        raise DownloadFailed(message("pull.redirects", host=_host(site.endpoint)))

    def _check(self, site: ModelSite, url: str) -> None:
        """Raises DownloadFailed for where a redirect must not lead."""
        host = _host(url)
        if _is_address(host) and not site.is_own(url) and not self._public(host):
            raise DownloadFailed(message("pull.private", host=_host(site.endpoint), other=host))
        if not site.may_lead_to(url):
            raise DownloadFailed(message("pull.elsewhere", host=_host(site.endpoint), other=host))

    def _broken(self, url: str, error: Exception) -> DownloadFailed | Interrupted:
        if self._resolver.refused:
            host = self._resolver.refused.pop()
            return DownloadFailed(message("pull.private", host=_host(url), other=host))
        if isinstance(error, TimeoutError):
            return Interrupted(message("pull.stalled", host=_host(url), seconds=self.manners.stall))
        number = getattr(getattr(error, "os_error", error), "errno", None)
        told = os.strerror(number) if isinstance(number, int) and number > 0 else str(error) or type(error).__name__
        return Interrupted(message("pull.broken", host=_host(url), why=told[:200]))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False, limit=32)
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, auto_decompress=False, read_bufsize=_BUFFER,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"Imagine/{__version__}", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_TO_CONNECT, sock_read=self.manners.stall),
            )  # fmt: skip
        return self._session


def _led_to(site: ModelSite, url: str, location: str) -> str:
    """Where a redirect leads. Raises DownloadFailed for what is no address."""
    try:
        led = urljoin(url, location)
        urlsplit(led).port  # noqa: B018 - raises for what is no port
    except ValueError as error:
        note = message("pull.elsewhere", host=_host(site.endpoint), other=location[:100])
        raise DownloadFailed(note) from error
    return led


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def _host(url: str) -> str:
    return urlsplit(url).hostname or url[:100]
