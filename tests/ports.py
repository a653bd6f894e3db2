"""Ports for servers that have to be told one before they listen."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def kept_port() -> Iterator[int]:
    """A port of 127.0.0.1 that the system gives to nobody else meanwhile: only who names it can listen there, as a
    socket with SO_REUSEADDR may beside one that is bound and doesn't listen."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]
