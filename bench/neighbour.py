"""The other state in which a figure is taken: beside a process that wants a processor for itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def neighbour(wanted: bool = True) -> Iterator[None]:
    """Such a process for the length of a block, where one is wanted."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()
