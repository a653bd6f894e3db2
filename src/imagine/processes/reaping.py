"""The end of a process that was asked over pipes."""

from __future__ import annotations

import asyncio
import contextlib

_PIECE = 2**20


async def reap(process: asyncio.subprocess.Process) -> None:
    """Waits for its end, so that nothing of it stays; what it still says is read, and left.

    Whoever waits for its answer meanwhile is told of its end as well.
    """
    assert process.stdout is not None, "it was started with a pipe"
    with contextlib.suppress(OSError):
        while not process.stdout.at_eof():
            try:
                await process.stdout.read(_PIECE)
            except RuntimeError:  # somebody reads it: there is one reader at a time, and this one hears of the end, too
                await process.wait()
                await asyncio.sleep(0)
    await process.wait()
