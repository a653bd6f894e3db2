"""Who is answered: peers, proxies, Host, Origin and the key, decided before anything else is read.

Without a key only this machine is answered, unless the owner lists networks. A page that a browser has open elsewhere
must reach nothing: its Origin, the site it says it comes from, and a Host rebound to us are all refused.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from aiohttp import web

from ...fairness.clients import address_of, client_from_address, client_from_key
from ...messages import Message, message
from ...settings.keys import NamedKey, digest_of
from ...settings.settings import Settings
from ...settings.values import ANY_ORIGIN, origin_of
from ...words.keys import USUAL, Priority, Scope, lower_of
from .credentials import KEY_HEADERS, carried, carried_explicitly
from .forwarded import Asker, asker_of, without_port
from .paths import PICTURES, pattern_of

_PICTURE = PICTURES + "{name}"
_PAGE = ("/", "/drawers/{name}", "/worker.js", "/manifest.webmanifest")
_OPEN = frozenset(["/health", *_PAGE, _PICTURE])
"""What anybody may read without a key: the page with its parts; and a stored picture, whose name is its own key."""
_LOOPBACK_NAMES = ("localhost", "host.docker.internal")
_EXPOSED = (
    "Location, X-Request-Id, X-Imagine-Order, X-Imagine-Seed, X-Imagine-Warnings, Retry-After, X-Should-Retry, "
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)
_METHODS = "GET, HEAD, POST, PATCH, DELETE"
_HEADER_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]{1,100}(?:\s*,\s*[\w!#$%&'*+.^`|~-]{1,100}){0,63}", re.ASCII)


NO_HEADERS: Mapping[str, str] = MappingProxyType({})
Needed = Mapping[tuple[str, str], Scope | None]
"""By method and pattern: the scope that a key needs there; None: whichever it has."""
OWNERS = "key"
"""Whose that is which is asked for with the server's own key, which has no name."""


class Refused(Exception):
    """A request that isn't answered; `status` and `note` say why, and `headers` to a program."""

    def __init__(self, status: int, note: Message, headers: Mapping[str, str] = NO_HEADERS) -> None:
        super().__init__(str(note))
        self.status = status
        self.note = note
        self.headers = headers


class Guard:
    """The rules of one server."""

    def __init__(
        self, settings: Settings, needed: Needed = MappingProxyType({}), wall: Callable[[], float] = time.time
    ) -> None:
        self._needed, self._wall = needed, wall
        self.obey(settings)

    def obey(self, settings: Settings) -> None:
        """From now on the rules are those of `settings`."""
        self._keys: dict[bytes, NamedKey | None] = {each.digest: each for each in settings.keys}
        if settings.api_key:
            self._keys[digest_of(settings.api_key)] = None
        self._networks = settings.allow_remote
        self._proxies = settings.trusted_proxies
        own = [socket.gethostname(), settings.host, *(place.host for place in settings.listen)]
        self._names = {*_LOOPBACK_NAMES, *(_bare(name) for name in own), f"{_bare(own[0])}.local"}
        self._origins = set(settings.origins)
        if settings.public_url:
            parts = urlsplit(settings.public_url)
            self._origins.add(origin_of(f"{parts.scheme}://{parts.netloc}"))
        self._names |= {host for origin in self._origins if (host := _web_host(origin))}

    def asker(self, request: web.Request) -> Asker:
        """Who asks, and how they came here."""
        return asker_of(request, self._proxies)

    def named(self, request: web.Request) -> NamedKey | None:
        """The key with a name that it carries."""
        digest = self._carried(request)
        return None if digest is None else self._keys[digest]

    def key_of(self, request: web.Request) -> str | None:
        """The name of the key that it carries; None of `api_key`, which has none, and where there is none."""
        named = self.named(request)
        return None if named is None else named.name

    def owner(self, request: web.Request) -> str:
        """Whose what it asks for is: its key's; without one its address's, where all of this machine's are one."""
        if (digest := self._carried(request)) is not None:
            named = self._keys[digest]
            return OWNERS if named is None else client_from_key(named.name)
        client = client_from_address(self.asker(request).client)
        address = address_of(client)
        return "local" if address is not None and address.is_loopback else client

    def trusts(self, request: web.Request) -> bool:
        """Has it a key, or are there none? What is told without one is told to anybody."""
        return not self._keys or self._carried(request) is not None

    def may(self, request: web.Request, scope: Scope) -> bool:
        """Is its key for that? A name's scopes say; whoever has no such key is held by other rules alone."""
        named = self.named(request)
        return named is None or named.may(scope)

    def require(self, request: web.Request, scope: Scope) -> None:
        """Raises Refused where its key isn't for that."""
        if not self.may(request, scope):
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise Refused(403, message("guard.scope", scope=scope), challenge)

    def sees_all(self, request: web.Request) -> bool:
        """May it see others' orders that last, and end them? With the server's own key, or one for that."""
        digest = self._carried(request)
        if digest is None:
            return False
        named = self._keys[digest]
        return named is None or named.may("admin")

    def priority(self, request: web.Request, wanted: Priority | None) -> Priority:
        """How urgent what it asks for is, at most as urgent as its key allows; without a key with a name, only the
        owner's is urgent."""
        named = self.named(request)
        most: Priority = named.priority if named is not None else "high" if self.is_owner(request) else USUAL
        return lower_of(wanted or USUAL, most)

    def may_answer(self, peer: str) -> bool:
        """Could anything that comes from this address be answered? "" is a Unix socket."""
        address = address_of(peer)
        if address is None or address.is_loopback or (self._keys and not self._networks):
            return True
        return any(address in network for network in (*self._networks, *self._proxies))

    def check(self, request: web.Request) -> None:
        """Raises Refused for whom isn't to be answered."""
        private, asker = _over_unix(request), self.asker(request)
        keyed = self._carried(request) is not None
        if not private:
            self._check_peer(asker)
            if not keyed:
                self._check_host(request, asker)
        if not self._admits(request, asker):
            raise Refused(403, message("guard.origin"))
        if not (private or keyed or not self._keys or request.method == "OPTIONS" or _is_open(request)):
            has_expired = carried(request.headers, self._keys) is not None
            raise Refused(401, message("guard.expired" if has_expired else "guard.key"))
        needed = self._needed.get((request.method, pattern_of(request)))
        if needed is not None:
            self.require(request, needed)

    def is_owner(self, request: web.Request) -> bool:
        """Does it come with a key that is for changing models, as that without a name is; or from this machine?"""
        if (digest := self._carried(request)) is not None:
            named = self._keys[digest]
            return named is None or named.may("models")
        client = address_of(self.asker(request).client)
        return _over_unix(request) or (client is not None and client.is_loopback)

    def cors(self, request: web.Request) -> dict[str, str]:
        """The headers that let a page whose origin is allowed read the answer; never for any other."""
        origin, headers = request.headers.get("Origin"), request.headers
        if origin is None or not self._admits(request, self.asker(request)):
            return {}
        allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}
        if request.method != "OPTIONS":
            return allowed
        names = headers.get("Access-Control-Request-Headers", "")
        allowed |= {"Access-Control-Allow-Methods": _METHODS, "Access-Control-Max-Age": "600"}
        if _HEADER_NAMES.fullmatch(names):
            allowed["Access-Control-Allow-Headers"] = names
        if headers.get("Access-Control-Request-Private-Network") == "true":
            allowed["Access-Control-Allow-Private-Network"] = "true"
        return allowed

    def _carried(self, request: web.Request) -> bytes | None:
        """By its digest: which of the keys it carries that haven't expired."""
        digest = carried(request.headers, self._keys)
        return None if digest is None or self._has_expired(digest) else digest

    def _has_expired(self, digest: bytes) -> bool:
        named = self._keys[digest]
        return named is not None and named.expires is not None and self._wall() >= named.expires

    def _check_peer(self, asker: Asker) -> None:
        client = address_of(asker.client)
        known = client is not None and (client.is_loopback or any(client in network for network in self._networks))
        if not known and (self._networks or not self._keys):
            raise Refused(403, message("guard.remote"))
        if not self._keys and asker.mark:
            raise Refused(403, message("guard.proxy", header=asker.mark))

    def _check_host(self, request: web.Request, asker: Asker) -> None:
        host = _bare(without_port(asker.host))
        if host in self._names or host.endswith(".localhost"):
            return
        if asker.vouched and self._keys and host:
            return  # the proxy decides which names it serves, and nothing is to be had here without the key
        address = address_of(host)
        if address and (address.is_loopback or address == address_of(_own_address(request))):
            return
        raise Refused(403, message("guard.host"))

    def _admits(self, request: web.Request, asker: Asker) -> bool:
        """Does it come from a page that may use this server, or from no page at all?"""
        origin = request.headers.get("Origin")
        if origin is None and request.headers.get("Sec-Fetch-Site", "").lower() != "cross-site":
            return True
        if origin is None and _opens_page(request):
            return True
        if request.method in ("GET", "HEAD") and pattern_of(request) == _PICTURE:
            return True  # a page that shows it was told its name
        digest = carried_explicitly(request.headers, self._keys)
        if (digest is not None and not self._has_expired(digest)) or (self._keys and _asks_with_key(request)):
            return True  # no page has the key but one that was given it
        return ANY_ORIGIN in self._origins or (origin is not None and self._allows(origin, asker))

    def _allows(self, origin: str, asker: Asker) -> bool:
        """Is it a page of this machine, of this server, or of an origin that the owner named?"""
        lowered = origin.lower()
        scheme, colon, _ = lowered.partition("://")
        if lowered in self._origins or (colon and f"{scheme}://*" in self._origins):
            return True
        try:
            parts = urlsplit(origin)
            parts.port  # noqa: B018 - raises for what is no port
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False
        if lowered == f"{scheme}://{asker.host.lower()}":
            return True
        address = address_of(parts.hostname)
        local = parts.hostname == "localhost" or parts.hostname.endswith(".localhost")
        return local or (address is not None and address.is_loopback)


GUARD = web.AppKey("guard", Guard)


def client_of(request: web.Request) -> str:
    """Whom a request comes from, for fairness: its address, or of IPv6 its network; "local" over a Unix socket."""
    return client_from_address(request.app[GUARD].asker(request).client)


def _over_unix(request: web.Request) -> bool:
    """Did it come over a Unix socket? Who may open that, its mode says."""
    own = request.transport.get_extra_info("socket") if request.transport else None
    return own is not None and own.family == getattr(socket, "AF_UNIX", None)


def _own_address(request: web.Request) -> str:
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return str(name[0]) if isinstance(name, tuple) else ""


def _web_host(origin: str) -> str | None:
    """The host of a page's origin; None for an application's."""
    parts = urlsplit(origin)
    return parts.hostname if parts.scheme in ("http", "https") else None


def _bare(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _asks_with_key(request: web.Request) -> bool:
    """A browser's question whether a page may send a key; what follows is only answered with the right one."""
    names = request.headers.get("Access-Control-Request-Headers", "").lower()
    return request.method == "OPTIONS" and any(name.strip() in KEY_HEADERS for name in names.split(","))


def _is_open(request: web.Request) -> bool:
    """Does it only read what anybody may?"""
    return request.method in ("GET", "HEAD") and pattern_of(request) in _OPEN


def _opens_page(request: web.Request) -> bool:
    """A link on another site, followed to our page or a picture: a person's doing, which shows that site nothing."""
    navigates = request.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
    alone = request.headers.get("Sec-Fetch-Dest", "document").lower() == "document"
    return request.method == "GET" and pattern_of(request) in ("/", _PICTURE) and navigates and alone
