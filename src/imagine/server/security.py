"""Who is answered: peers, proxies, Host, Origin and the key, decided before anything else is read.

Without a key only this machine is answered, unless the owner lists networks. A page that a browser has open elsewhere
must reach nothing: its Origin, the site it says it comes from, and a Host rebound to us are all refused.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import web

from ..setting_values import origin_of
from ..settings import Settings
from .storage import PATH

_HOW = (
    "this server answers only its own machine; to let others in, start it with an API key (--api-key) or with "
    "--allow-remote"
)
_PROXY_HEADERS = ("Forwarded", "X-Real-IP", "Via")
_OPEN = frozenset(["/health", "/"])
"""What needs no key; a stored picture's name is its own key."""
_LOOPBACK_NAMES = ("localhost", "host.docker.internal")
_ALLOWED_HEADERS = "Authorization, Content-Type, Accept"


class Refused(Exception):
    """A request that isn't answered; `status` and the sentence say why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Guard:
    """The rules of one server."""

    def __init__(self, settings: Settings) -> None:
        self.obey(settings)

    def obey(self, settings: Settings) -> None:
        """From now on the rules are those of `settings`."""
        self._key = settings.api_key.encode() if settings.api_key else None
        self._networks = settings.allow_remote
        own = [socket.gethostname(), settings.host, *(place.host for place in settings.listen)]
        self._names = {*_LOOPBACK_NAMES, *(_bare(name) for name in own), f"{_bare(own[0])}.local"}
        self._origins = set(settings.origins)
        if settings.public_url:
            parts = urlsplit(settings.public_url)
            self._origins.add(origin_of(f"{parts.scheme}://{parts.netloc}"))
        self._names |= {host for origin in self._origins if (host := urlsplit(origin).hostname)}

    def check(self, request: web.BaseRequest) -> None:
        """Raises Refused for whom isn't to be answered."""
        private = _over_unix(request)
        if not private:
            self._check_peer(request)
            self._check_host(request)
        self._check_origin(request)
        if not private and self._key and not _is_open(request) and request.method != "OPTIONS":
            self._check_key(request, self._key)

    def cors(self, request: web.BaseRequest) -> dict[str, str]:
        """The headers that let a page of an allowed origin read the answer; never for any other."""
        origin = request.headers.get("Origin")
        if origin is None or not self._allows(origin, request):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Expose-Headers": "X-Request-Id, X-Imagine-Seed, X-Imagine-Warnings, Retry-After",
            "Access-Control-Max-Age": "600",
        }

    def _check_peer(self, request: web.BaseRequest) -> None:
        peer = _address(client_of(request))
        known = peer is not None and (peer.is_loopback or any(peer in network for network in self._networks))
        if not known and (self._networks or not self._key):
            raise Refused(403, _HOW)
        if self._key is None and (header := _proxied(request)):
            raise Refused(403, f"this request came through a proxy ({header}), for which an API key must be set")

    def _check_host(self, request: web.BaseRequest) -> None:
        said = request.headers.getall("Host", [])
        host = _bare(_without_port(said[0])) if len(said) == 1 else ""
        if host in self._names or host.endswith(".localhost"):
            return
        address = _address(host)
        if address and (address.is_loopback or address == _address(_own_address(request))):
            return
        raise Refused(403, "the Host header names another server; if it is this one, say so with --public-url")

    def _check_origin(self, request: web.BaseRequest) -> None:
        origin = request.headers.get("Origin")
        if origin is not None:
            if not self._allows(origin, request):
                raise Refused(403, "pages of this origin may not use this server; allow one with --origin")
        elif request.headers.get("Sec-Fetch-Site", "").lower() == "cross-site" and not _opens_page(request):
            raise Refused(403, "pages of other sites may not use this server; allow one with --origin")

    def _allows(self, origin: str, request: web.BaseRequest) -> bool:
        """Is it a page of this machine, of this server, or of an origin that the owner named?"""
        if origin.lower() in self._origins:
            return True
        try:
            parts = urlsplit(origin)
            parts.port  # noqa: B018 - raises for what is no port
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False
        if origin.lower() == f"{parts.scheme}://{request.headers.get('Host', '').lower()}":
            return True
        address = _address(parts.hostname)
        return parts.hostname == "localhost" or (address is not None and address.is_loopback)

    def _check_key(self, request: web.BaseRequest, key: bytes) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, key) or scheme.lower() != "bearer":
            raise Refused(401, "this server needs its API key, as the header 'Authorization: Bearer KEY'")


def client_of(request: web.BaseRequest) -> str:
    """Whom a request comes from, for fairness: its address; "local" over a Unix socket."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) else "local"


def _over_unix(request: web.BaseRequest) -> bool:
    """Did it come over a Unix socket? Who may open that, its mode says."""
    own = request.transport.get_extra_info("socket") if request.transport else None
    return own is not None and own.family == getattr(socket, "AF_UNIX", None)


def _own_address(request: web.BaseRequest) -> str:
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return str(name[0]) if isinstance(name, tuple) else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _bare(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _without_port(host: str) -> str:
    head, colon, port = host.rpartition(":")
    return head if colon and port.isdecimal() else host


def _proxied(request: web.BaseRequest) -> str | None:
    return next(
        (name for name in request.headers if name.title() in map(str.title, _PROXY_HEADERS) or _is_forwarded(name)),
        None,
    )


def _is_forwarded(name: str) -> bool:
    return name.lower().startswith("x-forwarded-")


def _is_open(request: web.BaseRequest) -> bool:
    return request.path in _OPEN or request.path.startswith(PATH)


def _opens_page(request: web.BaseRequest) -> bool:
    """A link on another site, followed to our page or a picture: a person's doing, which shows that site nothing."""
    navigates = request.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
    alone = request.headers.get("Sec-Fetch-Dest", "document").lower() == "document"
    shown = request.path == "/" or request.path.startswith(PATH)
    return request.method == "GET" and shown and navigates and alone
