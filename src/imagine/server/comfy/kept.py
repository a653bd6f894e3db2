"""Where an application keeps what this dialect holds: nothing before it is first spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from .room import ComfyRoom


class ComfyKept:
    """Nothing, or a room."""

    def __init__(self) -> None:
        self.room: ComfyRoom | None = None


KEPT = web.AppKey("comfy", ComfyKept)


async def _close(app: web.Application) -> None:
    if (room := app[KEPT].room) is not None:
        await room.close()


def prepare(app: web.Application) -> None:
    """Has the application know where."""
    app[KEPT] = ComfyKept()
    app.on_shutdown.append(_close)
