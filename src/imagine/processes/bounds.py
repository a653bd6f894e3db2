"""What a process may take and do from now on; nothing of it is held where the system has no such limits."""

from __future__ import annotations

import contextlib
import sys


def write_nothing() -> None:
    """No file, not even its own memory's when it dies."""
    _limit(RLIMIT_FSIZE=0, RLIMIT_CORE=0)


def limit_memory(most: int) -> None:
    """No more than so many bytes of address space."""
    _limit(RLIMIT_AS=most)


def _limit(**most: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    for name, value in most.items():
        number = getattr(resource, name, None)
        with contextlib.suppress(OSError, ValueError):  # a lower one is set already, or macOS knows it by name only
            if number is not None:
                resource.setrlimit(number, (value, value))
