"""A reload: the settings read again while the server runs, and taken over where that is possible."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web

from ..errors import ImagineError
from ..settings import Settings
from .keys import GATEWAY, GUARD
from .systemd import Notifier

_log = logging.getLogger(__name__)
Reread = Callable[[], Settings]
"""Reads the settings again. Raises ImagineError for what can't be used."""


async def keep_reloading(asked: asyncio.Event, app: web.Application, reread: Reread, notifier: Notifier) -> None:
    """Reloads whenever `asked` is set, for ever."""
    while True:
        await asked.wait()
        asked.clear()
        with notifier.reloading():
            await reload(app, reread)


async def reload(app: web.Application, reread: Reread) -> None:
    """Reads the settings and obeys them; where they can't be used, says why and goes on with the old ones."""
    try:
        settings = await asyncio.to_thread(reread)
        fixed = app[GATEWAY].reload(settings)
    except ImagineError as error:
        _log.error("the settings stay as they were: %s", error)
        return
    taken = app[GATEWAY].settings
    app[GUARD].obey(taken)
    _log.info("reloaded; settings: %s", taken.said())
    if fixed:
        _log.warning("what has changed in %s takes effect at the next start", ", ".join(fixed))
