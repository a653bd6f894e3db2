"""How many files this process may have open, and what is said where there are no more: a sentence, no traceback."""

from __future__ import annotations

import asyncio
import errno
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)
BURST = 128
"""Connections that are accepted at once, before the first of them can be turned away: asyncio's backlog."""
_OWN_FILES = 96
"""For workers' pipes, models that are looked at, pictures that are stored, and strangers."""
_NO_FILES = frozenset([errno.EMFILE, errno.ENFILE])
_AGAIN = 60.0
"""Seconds until the same is said again."""


def connections_allowed(most: int) -> int:
    """As many as the system gives this process files for, at most `most`, once it was asked for enough."""
    if sys.platform == "win32":
        return most
    import resource

    wanted = most + BURST + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - BURST - _OWN_FILES))


class Exhaustion:
    """The event loop's handler of what nobody else catches: having no file left is told once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_at = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the loop calls, with what went wrong."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _NO_FILES):
            loop.default_exception_handler(context)
        elif self._clock() - self._said_at >= _AGAIN:
            self._said_at = self._clock()
            _log.warning(
                "no files are left for more connections, which wait until one ends; raise the limit (ulimit -n)"
            )
