"""Where an application keeps whom it works for: nothing before somebody comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from ..http.dialect import WORK, WorkDoor

if TYPE_CHECKING:
    from .door import HostRoom


class HostingKept:
    """Nothing, or a room."""

    def __init__(self) -> None:
        self.room: HostRoom | None = None


HOSTING = web.AppKey("hosting", HostingKept)


async def _close(app: web.Application) -> None:
    if (room := app[HOSTING].room) is not None:
        await room.close()


async def _work(request: web.Request) -> web.StreamResponse:
    from .door import work  # most servers work for no other

    return await work(request)


def prepare(app: web.Application) -> None:
    """Has the application know where."""
    app[HOSTING] = HostingKept()
    app[WORK] = WorkDoor(_work)
    app.on_shutdown.append(_close)
