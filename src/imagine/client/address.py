"""Where a server is, as users write it and as sockets want it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..messages import in_english
from ..words.errors import BadRequest, ImagineError

PORT = 5000
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server listens, as clients reach it


class Unreachable(ImagineError):
    """Nobody answers at the address, or something that isn't Imagine."""


@dataclass(frozen=True)
class Address:
    """Where a server is: a host and port, or the path of a Unix socket."""

    host: str = "127.0.0.1"
    port: int = PORT
    secure: bool = False
    socket: str | None = None
    prefix: str = ""

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix:{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}{self.prefix}"


def connect(address: Address, timeout: float | None) -> socket.socket:
    """A connection to it. Raises OSError."""
    if address.socket is None:
        return socket.create_connection((address.host, address.port), timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address.socket)
    except BaseException:
        connection.close()
        raise
    return connection


def address_from(text: str) -> Address:
    """The address that a user wrote: `HOST`, `PORT`, both, a URL, or `unix:PATH`. Raises BadRequest for others."""
    text = text.strip(" '\"")
    if text.startswith("unix:"):
        return Address(socket=text.removeprefix("unix:").removeprefix("//"))
    if text.isascii() and text.isdigit():
        text = f":{text}"  # no host is called so
    if text.count(":") > 1 and "[" not in text and "://" not in text:
        text = f"[{text}]"
    message = f"the address is {text[:100]!r}; it must be HOST:PORT, a URL or unix:PATH"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
    except ValueError as error:
        raise BadRequest(in_english(message, "address")) from error
    if parts.scheme not in ("", "http", "https"):
        raise BadRequest(in_english(message, "address"))
    host = parts.hostname or ""
    if port is None:
        port = 443 if parts.scheme == "https" else PORT
    return Address(_EVERYWHERE.get(host, host), port, parts.scheme == "https", prefix=parts.path.rstrip("/"))
