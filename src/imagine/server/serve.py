"""A server from its start to its end: listen, say so, wait for a signal, let what runs finish."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from ..dispatch.worker import Worker
from ..messages import in_english
from ..processes.allocator import return_large_blocks
from ..settings.settings import Settings
from ..settings.values import ListenAddress
from ..words.errors import ImagineError
from .app import make_app
from .gateway.gateway import Gateway
from .http.connections import Runner
from .http.file_limit import Exhaustion
from .native.about import in_words
from .own_socket import OwnSocket
from .reload import Reread, keep_reloading
from .systemd import Notifier, keep_beating

if TYPE_CHECKING:
    from ..machines.ray.follow import ClusterFollower

_log = logging.getLogger(__name__)
GRACE = 24.0
"""Seconds for what runs when the end is asked for; with a worker's farewell it makes less than 30."""
_LAST_BYTES = 1.0


async def serve(
    settings: Settings,
    *,
    workers: Sequence[Worker] | None = None,
    ready: Callable[[list[str]], None] | None = None,
    stop: asyncio.Event | None = None,
    reread: Reread | None = None,
    source: Callable[[str], str] = "--{}".format,
    follow: ClusterFollower | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, or until `stop` is set.

    `ready` is called with the addresses it listens on, as URLs. `reread` reads the settings again when SIGHUP asks for
    it; in a terminal, SIGHUP means that the terminal is gone, and ends the server. `source` names what says a setting.
    `follow` keeps other machines' workers in the pool, for as long as it isn't cancelled.
    Raises ImagineError where it can't listen.
    """
    stop = stop or asyncio.Event()
    notifier = Notifier()
    _log.info("settings: %s", settings)
    asyncio.get_running_loop().set_exception_handler(Exhaustion())
    return_large_blocks()
    gateway = Gateway(settings, workers=workers)
    app = make_app(gateway)
    runner = Runner(
        app,
        handler_cancellation=True,
        auto_decompress=False,  # a small body could be a large one
        access_log=None,
        shutdown_timeout=_LAST_BYTES,
        handle_signals=False,
    )
    await runner.setup()
    reload = asyncio.Event()
    beside: list[asyncio.Task[None]] = []
    own = None if settings.socket is None else OwnSocket(settings.socket)
    try:
        await _listen(runner, settings, own, source)
        await gateway.start()
        if follow is not None:
            from ..machines.lending import Lender  # which only other machines are of

            lender = Lender(gateway.digests.sha256_of)
            beside.append(asyncio.create_task(follow(gateway.pool, gateway.look_at_made, lender)))
        if reread is not None:
            beside.append(asyncio.create_task(keep_reloading(reload, app, reread, notifier)))
        with _signals(stop, reload if reread is not None else None):
            if ready is not None:
                ready(urls(runner))
            notifier.tell("READY=1")
            status = partial(in_words, gateway)
            beside.append(asyncio.create_task(keep_beating(notifier, alive=lambda: gateway.pool.kept, status=status)))
            if own is not None:
                beside.append(asyncio.create_task(_end_when_lost(own, stop)))
            await stop.wait()
            notifier.tell("STOPPING=1")
            _log.info("stopping; what runs has %g s", GRACE)
            await _end(gateway, runner)
    finally:
        for task in beside:
            task.cancel()
        if not gateway.stopping:  # what went wrong must not leave a worker behind
            await gateway.stop(0)
        await runner.cleanup()
        if own is not None:
            own.give_back()


async def _end(gateway: Gateway, runner: web.AppRunner) -> None:
    for site in list(runner.sites):
        await site.stop()
    await gateway.stop(GRACE)


async def _end_when_lost(own: OwnSocket, stop: asyncio.Event) -> None:
    await own.until_lost()
    _log.warning("the socket is gone or another's: nobody can reach this server, so it ends")
    stop.set()


async def _listen(
    runner: web.AppRunner, settings: Settings, own: OwnSocket | None, source: Callable[[str], str]
) -> None:
    """Raises ImagineError for an address that can't be had."""
    if own is not None:
        with _explained(str(settings.socket), lambda: source("socket")):
            await web.SockSite(runner, await own.claim()).start()
        return
    first = (ListenAddress(settings.host, settings.port), "port")
    for place, setting in [first, *((address, "listen") for address in settings.listen)]:
        with _explained(str(place), partial(source, setting)):
            await _site(runner, place).start()


def _site(runner: web.AppRunner, place: ListenAddress) -> web.BaseSite:
    """Where it listens; `::` is every address of this machine, IPv4 too, which asyncio leaves out. Raises OSError."""
    if place.host != "::" or not socket.has_dualstack_ipv6():
        return web.TCPSite(runner, place.host, place.port, reuse_address=True)
    both = socket.create_server((place.host, place.port), family=socket.AF_INET6, dualstack_ipv6=True)
    return web.SockSite(runner, both)


@contextlib.contextmanager
def _explained(where: str, source: Callable[[], str]) -> Iterator[None]:
    """What prevents listening, in a sentence; `source` names what says where."""
    try:
        yield
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        why = f"another program listens there; choose another with {source()}" if used else _why(error)
        raise ImagineError(in_english(f"can't listen on {where}: {why}")) from error


def _why(error: OSError) -> str:
    """The system's reason; that of a name which leads nowhere has a number of another kind."""
    if isinstance(error, socket.gaierror):
        return f"no address has this name ({(error.strerror or str(error)).lower()})"
    return os.strerror(error.errno or 0)


def urls(runner: web.AppRunner) -> list[str]:
    """Where it listens: `http://HOST:PORT`, or `unix:PATH`."""
    listed = []
    for address in runner.addresses:
        if isinstance(address, str):
            listed.append(f"unix:{address}")
        else:
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            listed.append(f"http://{host}:{address[1]}")
    return listed


@contextlib.contextmanager
def _signals(stop: asyncio.Event, again: asyncio.Event | None) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; SIGHUP sets `again`, or where there is a terminal, `stop`."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop}
    if again is not None and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        handlers[signal.SIGHUP] = stop if _has_terminal() else again
    for number, event in handlers.items():
        loop.add_signal_handler(number, event.set)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _has_terminal() -> bool:
    """Does this process belong to a terminal, whose end SIGHUP would tell?"""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
