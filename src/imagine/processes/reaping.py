"""The end of a process that was asked over pipes."""

from __future__ import annotations

import asyncio
import contextlib

_PIECE = 2**20


async def reap(process: asyncio.subprocess.Process) -> None:
    """Waits for its end, so that nothing of it stays; what it still says is read, and left."""
    assert process.stdout is not None, "it was started with a pipe"
    with contextlib.suppress(OSError):
        while await process.stdout.read(_PIECE):
            pass
    await process.wait()
