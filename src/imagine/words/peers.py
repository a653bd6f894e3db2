"""Another server that works for this one: where it is, and what it is shown so that it does."""

from __future__ import annotations

from pathlib import Path

import msgspec


class PeerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner says of one. Whoever prints it is shown no key."""

    url: str
    """`https://HOST:PORT`, without a path."""
    key: str = ""
    """What it wants to see; "": nothing."""
    ca_file: Path | None = None
    """Certificates, as PEM, that its own is trusted by, in place of the system's."""
    without_tls: bool = False
    """Go there without TLS though it is in no private network: something else keeps others from listening."""

    def __str__(self) -> str:
        said = [
            *(["with a key"] if self.key else []),
            *([f"ca_file {self.ca_file}"] if self.ca_file is not None else []),
            *(["without TLS"] if self.without_tls else []),
        ]
        return f"{self.url} ({', '.join(said)})" if said else self.url

    __repr__ = __str__
