"""One connection to another server, as the life of a worker there: jobs go, and what is told of them is checked.

What the host says of itself is bounded here, and of jobs in `claims`. Nothing is passed on of a picture before another
process has decoded it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from .. import __version__
from ..dispatch.limits import Limits
from ..messages import Message, message
from ..words.entry import Entry
from ..words.errors import ImagineError
from ..words.events import Failed
from ..words.frames import (
    AnyCommand,
    Cancel,
    FrameError,
    JobReport,
    Load,
    Report,
    Score,
    Shutdown,
    Stats,
    Submit,
    Unload,
)
from ..words.peers import PeerSettings
from .asked import AskedJobs, LookAtMade
from .link import FrameLink, LinkLimits
from .listings import MOST_LISTED, entry_from
from .opening import OpenPeer, opened
from .parting import Lie, Parting, Unwanted
from .portable import portable
from .told import note_of, plain, ready_of, stats_of
from .wire import MAX_ASKED, PROTOCOL, Beat, Devices, Hello, Holdings, ListedModels, Refusal, from_host

_log = logging.getLogger(__name__)
_MOST_DEVICES, _MOST_FILES = 64, 100_000
_WORDS, _WORDS_AT_ONCE = 100.0, 1000
"""How often in a second it says something of itself at most, and how much of that at once."""
_LOOKS = 4
_DIGEST = re.compile(r"[0-9a-f]{64}")


class PeerTerms(NamedTuple):
    """What every connection needs of the server that makes it."""

    server: str
    """The name that it drew."""
    look: LookAtMade
    open: Callable[[PeerSettings], Awaitable[OpenPeer]] = opened
    limits: LinkLimits = LinkLimits()
    given_back: float = 120.0
    """Seconds within which a job that is taken back has to end there: a step of a large model on an old machine."""
    held: float = Limits().of("loading")
    """Seconds within which a job has to come on there: the longest that a worker of ours may be at one thing."""
    listed: Callable[[str, Sequence[Entry]], None] = lambda *_: None
    """Hears which models a place has now: none once it is gone."""


class PeerHeard(NamedTuple):
    """Whom a connection tells."""

    report: Callable[[Report], None]
    devices: Callable[[Devices], None]
    holdings: Callable[[Holdings], None]
    listed: Callable[[list[Entry]], None]
    """All that it lists, each time."""


class PeerLife:
    """A `dispatch.life.Life`. Used from one event loop."""

    refused = False
    """Whatever is wrong over there may be mended."""
    cut_off = True
    """What a job ends there is that server's own worker, of which it tells."""

    def __init__(self, peer: PeerSettings, terms: PeerTerms, heard: PeerHeard) -> None:
        self._peer, self._terms, self._heard = peer, terms, heard
        self._place = urlsplit(peer.url).netloc
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Message] = self._loop.create_future()
        self.lied = False
        """Did it end since the other side said what can't be?"""
        self.hopeless = False
        """Is there nothing to be hoped for soon?"""
        self._verdict: Message | None = None
        self._asked = AskedJobs(terms.look, heard.report, self._distrust)
        self._outgoing: asyncio.Queue[msgspec.Struct] = asyncio.Queue()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._greeted = False
        self._words, self._counted = float(_WORDS_AT_ONCE), self._loop.time()
        self._devices: tuple[tuple[str, str], ...] = ()
        self._files: set[str] = set()
        self._listed: list[Entry] = []
        self._life = asyncio.create_task(self._live())
        self._life.add_done_callback(lambda _: self._end(message("peer.closed")))  # it may be killed before it began

    def send(self, command: AnyCommand) -> None:
        """Sends a command; what can't arrive any more is told by `ended`. Raises FrameError."""
        match command:
            case Shutdown():
                self.kill(message("lost.stopped"))
            case Submit():
                if command.stays:
                    raise FrameError("it can only be made on this machine")
                self._ask(command, portable(command))
            case Load():
                self._ask(command, portable(command))
            case Score():
                self._ask(command, portable(command))
            case Unload():
                self._ask(command, command)
            case Cancel():
                if (claim := self._asked.claims.get(command.job)) is not None:
                    claim.taken_back = True
                    self._ask_back(command.job)

    def _ask(self, command: Submit | Load | Unload | Score, crossing: msgspec.Struct) -> None:
        self._asked.ask(command)
        self._outgoing.put_nowait(crossing)

    def kill(self, verdict: Message) -> None:
        """Ends the connection at once; `verdict` is why, unless there is a reason already."""
        if self._verdict is None:  # a second time would cut its farewell short
            self._verdict = verdict
            self._life.cancel()

    def _ask_back(self, job: str) -> None:
        """Once; who doesn't give it back is let go."""
        if job not in self._timers:
            self._outgoing.put_nowait(Cancel(job=job))
            overdue = message("peer.kept", seconds=round(self._terms.given_back))
            self._timers[job] = self._loop.call_later(self._terms.given_back, self.kill, overdue)

    async def _live(self) -> None:
        why = message("peer.closed")
        try:
            why = await self._connected(await self._terms.open(self._peer))
        except Parting as parting:
            why, self.lied = parting.note, isinstance(parting, Lie)
            self.hopeless = isinstance(parting, Lie | Unwanted)
        except asyncio.CancelledError:  # by `kill`
            if self._verdict is None:
                raise
        except Exception as error:  # noqa: BLE001 - whatever it said, nobody foresaw it: that ends it as a lie does
            _log.exception("at %s something was said that this server can't cope with", self._peer.url)
            why, self.lied, self.hopeless = message("worker.failed", why=type(error).__name__), True, True
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._end(why)

    def _end(self, why: Message) -> None:
        if not self.ended.done():
            self.ended.set_result(message("peer.at", place=self._peer.url, why=self._verdict or why))

    async def _connected(self, way: OpenPeer) -> Message:
        link = FrameLink(way.socket, lambda: self._asked.most_bytes, self._terms.limits, MAX_ASKED)
        self._outgoing.put_nowait(Hello(protocol=PROTOCOL, version=__version__, server=self._terms.server))
        beside = {asyncio.create_task(self._send_on(link)), asyncio.create_task(self._mind())}
        try:
            return await link.hear(self._take)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside | self._asked.leave())
            await way.close()

    async def _send_on(self, link: FrameLink) -> None:
        with contextlib.suppress(OSError):  # who listens notices, too
            while True:
                command = await self._outgoing.get()
                try:
                    await link.say(command)
                except FrameError as error:
                    self._end_unsent(command, error)

    def _end_unsent(self, command: msgspec.Struct, error: FrameError) -> None:
        """It can't be said to any host, so that another would be no better."""
        job = str(getattr(command, "job", ""))
        if self._asked.claims.pop(job, None) is not None:
            self._wait_no_more(job)
            note = message("job.unsent", why=str(error))
            self._heard.report(Failed(job=job, error=ImagineError.__name__, message=note))

    async def _mind(self) -> None:
        """Asks back what doesn't come on, whatever signs of life there are; the pool gives it to another."""
        while True:
            await asyncio.sleep(self._terms.held / _LOOKS)
            for job in [job for job, claim in self._asked.claims.items() if claim.idle > self._terms.held]:
                self._ask_back(job)

    def _take(self, body: bytes) -> None:
        """Raises Parting, FrameError."""
        frame = from_host(body)
        if not self._greeted and not isinstance(frame, Hello | Refusal | Beat):
            raise Lie(message("lie.early"))
        if not isinstance(frame, JobReport):
            self._count_word()
        match frame:
            case Hello():
                self._greet(frame)
            case Refusal():
                raise Parting(message("peer.refused", why=note_of(frame.why)))
            case Devices():
                self._take_devices(frame)
            case Holdings():
                self._take_holdings(frame)
            case ListedModels():
                self._take_listed(frame)
            case Stats():
                self._heard.report(stats_of(frame))
            case Beat():
                return
            case _:
                self._take_report(frame)

    def _count_word(self) -> None:
        """Each costs this server a moment, so that nobody may talk without end. Raises Lie."""
        now = self._loop.time()
        self._words = min(float(_WORDS_AT_ONCE), self._words + _WORDS * (now - self._counted)) - 1
        self._counted = now
        if self._words < 0:
            raise Lie(message("lie.endless"))

    def _greet(self, hello: Hello) -> None:
        if hello.protocol != PROTOCOL:
            version = plain(hello.version, 40)
            raise Parting(message("peer.protocol", theirs=hello.protocol, own=PROTOCOL, version=version))
        if hello.server == self._terms.server:
            raise Parting(message("peer.itself"))
        if self._greeted:
            raise Lie(message("lie.early"))
        self._greeted = True

    def _take_devices(self, told: Devices) -> None:
        """A device may go and come again, as its worker does; another it never becomes."""
        if len(told.ready) > _MOST_DEVICES:
            raise Lie(message("lie.devices"))
        ready = tuple(map(ready_of, told.ready))
        names = tuple((each.device, each.name) for each in ready)
        known = self._devices or names
        if not set(names) <= set(known):
            raise Lie(message("lie.devices"))
        self._devices = known
        broken = None if told.broken is None else note_of(told.broken)
        self._heard.devices(Devices(ready=ready, broken=broken))

    def _take_holdings(self, told: Holdings) -> None:
        if not all(_DIGEST.fullmatch(digest) for digest in (*told.came, *told.gone)):
            raise Lie(message("lie.holdings"))
        self._files = (self._files - set(told.gone)) | set(told.came)
        if len(self._files) > _MOST_FILES:
            raise Lie(message("lie.holdings"))
        self._heard.holdings(told)

    def _take_listed(self, told: ListedModels) -> None:
        before = [] if told.is_first else self._listed
        self._listed = [*before, *(entry_from(each, self._place) for each in told.entries)]
        if len(self._listed) > MOST_LISTED:
            raise Lie(message("lie.holdings"))
        if told.is_last:
            self._heard.listed(self._listed)

    def _take_report(self, event: JobReport) -> None:
        if event.job not in self._asked.claims:
            raise Lie(message("lie.job"))
        self._asked.take(event)
        if event.job not in self._asked.claims:
            self._wait_no_more(event.job)

    def _wait_no_more(self, job: str) -> None:
        if (timer := self._timers.pop(job, None)) is not None:
            timer.cancel()

    def _distrust(self, why: Message) -> None:
        self.lied = self.hopeless = True
        self.kill(why)
