"""A reload: the settings read again while the server runs, and taken over where that is possible."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from aiohttp import web

from ..settings.settings import Settings
from ..words.errors import ImagineError
from .gateway.keys import GATEWAY
from .http.security import GUARD
from .systemd import Notifier

_log = logging.getLogger(__name__)
PATIENCE = 10.0
"""Seconds for the settings' files to be read."""
Reread = Callable[[], Settings]
"""Reads the settings again. Raises ImagineError for what can't be used."""


async def keep_reloading(requested: asyncio.Event, app: web.Application, reread: Reread, notifier: Notifier) -> None:
    """Reloads whenever `requested` is set, for ever."""
    while True:
        await requested.wait()
        requested.clear()
        with notifier.reloading():
            await reload(app, reread)


async def reload(app: web.Application, reread: Reread, patience: float = PATIENCE) -> None:
    """Reads the settings and obeys them; where they can't be used, says why and goes on with the old ones."""
    try:
        async with asyncio.timeout(patience):
            settings = await _apart(reread)
        fixed = app[GATEWAY].reload(settings)
    except ImagineError as error:
        _log.error("the settings stay as they were: %s", error)
        return
    except TimeoutError:
        _log.error("the settings stay as they were: they could not be read within %g s", patience)
        return
    taken = app[GATEWAY].settings
    app[GUARD].obey(taken)
    _log.info("reloaded; settings: %s", taken)
    if fixed:
        _log.warning("what has changed in %s takes effect at the next start", ", ".join(fixed))


def _apart(reread: Reread) -> asyncio.Future[Settings]:
    """What `reread` returns or raises, on a thread that nobody waits for: a file's disk may hang, and we still end."""
    loop = asyncio.get_running_loop()
    read: asyncio.Future[Settings] = loop.create_future()

    def settle(settings: Settings | None, error: Exception | None) -> None:
        if read.done():
            return  # given up
        if settings is None:
            read.set_exception(error or RuntimeError("nothing was read"))
        else:
            read.set_result(settings)

    def run() -> None:
        settings, failed = None, None
        try:
            settings = reread()
        except Exception as error:  # noqa: BLE001 - it goes to who waits
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, settings, failed)

    threading.Thread(target=run, name="reload", daemon=True).start()
    return read
