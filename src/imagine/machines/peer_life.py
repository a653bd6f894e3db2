"""One connection to another server, as the life of a worker there: jobs go, and what is told of them is checked.

What the host says of itself is bounded here, and of jobs in `claims`. Nothing is passed on of a picture before another
process has decoded it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from .. import __version__
from ..messages import Message, message
from ..words.errors import BadPicture, ImagineError
from ..words.events import Failed, Finished
from ..words.frames import (
    AnyCommand,
    Cancel,
    FrameError,
    JobReport,
    Load,
    Ready,
    Report,
    Score,
    Shutdown,
    Stats,
    Submit,
    Unload,
    ends,
)
from ..words.peers import PeerSettings
from .claims import JobClaim, checked_answer, note_of
from .link import FrameLink, Lie, LinkLimits, Parting, Unwanted
from .opening import OpenPeer, opened
from .portable import portable
from .wire import PROTOCOL, Beat, Devices, Hello, Holdings, Refusal, from_host

_SLACK = 2**20
"""Bytes of a frame that tells of no picture."""
_MOST_DEVICES, _MOST_MODELS, _MOST_FILES = 64, 256, 100_000
_LONGEST = 200
_DIGEST = re.compile(r"[0-9a-f]{64}")

LookAtMade = Callable[[Submit, bytes], Awaitable[tuple[int, int]]]
"""The size of a picture that was made of a job, once another process has decoded it. Raises BadPicture where it isn't
one, and whatever ImagineError keeps it from being shown."""


class PeerTerms(NamedTuple):
    """What every connection needs of the server that makes it."""

    server: str
    """The name that it drew."""
    look: LookAtMade
    open: Callable[[PeerSettings], Awaitable[OpenPeer]] = opened
    limits: LinkLimits = LinkLimits()
    given_back: float = 120.0
    """Seconds within which a job that is taken back has to end there: a step of a large model on an old machine."""


class PeerHeard(NamedTuple):
    """Whom a connection tells."""

    report: Callable[[Report], None]
    devices: Callable[[Devices], None]
    holdings: Callable[[Holdings], None]


class PeerLife:
    """A `dispatch.life.Life`. Used from one event loop."""

    refused = False
    """Whatever is wrong over there may be mended."""

    def __init__(self, peer: PeerSettings, terms: PeerTerms, heard: PeerHeard) -> None:
        self._peer, self._terms, self._heard = peer, terms, heard
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Message] = self._loop.create_future()
        self.lied = False
        """Did it end since the other side said what can't be?"""
        self.hopeless = False
        """Is there nothing to be hoped for soon?"""
        self._verdict: Message | None = None
        self._jobs: dict[str, JobClaim | None] = {}
        """What is asked of it and has not ended; None: what is no picture's."""
        self._outgoing: asyncio.Queue[msgspec.Struct] = asyncio.Queue()
        self._checks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._greeted = False
        self._devices: tuple[tuple[str, str], ...] = ()
        self._files: set[str] = set()
        self._life = asyncio.create_task(self._live())

    def send(self, command: AnyCommand) -> None:
        """Sends a command; what can't arrive any more is told by `ended`. Raises FrameError."""
        match command:
            case Shutdown():
                self.kill(message("lost.stopped"))
            case Submit():
                if command.stays:
                    raise FrameError("it can only be made on this machine")
                self._jobs[command.job] = JobClaim(command)
                self._outgoing.put_nowait(portable(command))
            case Load():
                self._ask(command.job, portable(command))
            case Score():
                self._ask(command.job, portable(command))
            case Unload():
                self._ask(command.job, command)
            case Cancel():
                self._take_back(command)

    def _ask(self, job: str, command: msgspec.Struct) -> None:
        """What is no picture's."""
        self._jobs[job] = None
        self._outgoing.put_nowait(command)

    def kill(self, verdict: Message) -> None:
        """Ends the connection at once; `verdict` is why, unless there is a reason already."""
        self._verdict = self._verdict or verdict
        self._life.cancel()

    def _take_back(self, command: Cancel) -> None:
        claim = self._jobs.get(command.job)
        if claim is None or claim.taken_back:
            return
        claim.taken_back = True
        self._outgoing.put_nowait(command)
        overdue = message("peer.kept", seconds=round(self._terms.given_back))
        self._timers[command.job] = self._loop.call_later(self._terms.given_back, self.kill, overdue)

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
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self.ended.set_result(message("peer.at", place=self._peer.url, why=self._verdict or why))

    async def _connected(self, way: OpenPeer) -> Message:
        link = FrameLink(way.socket, self._most, self._terms.limits)
        self._outgoing.put_nowait(Hello(protocol=PROTOCOL, version=__version__, server=self._terms.server))
        sending = asyncio.create_task(self._send_on(link))
        try:
            return await link.hear(self._take)
        finally:
            for task in (sending, *self._checks):
                task.cancel()
            await asyncio.wait({sending, *self._checks})
            await way.close()

    async def _send_on(self, link: FrameLink) -> None:
        with contextlib.suppress(OSError):  # who listens notices, too
            while True:
                await link.say(await self._outgoing.get())

    def _most(self) -> int:
        """Bytes of the largest frame that can come now."""
        return max((claim.most_bytes for claim in self._jobs.values() if claim is not None), default=_SLACK)

    def _take(self, body: bytes) -> None:
        """Raises Parting, FrameError."""
        frame = from_host(body)
        if not self._greeted and not isinstance(frame, Hello | Refusal | Beat):
            raise Lie(message("lie.early"))
        match frame:
            case Hello():
                self._greet(frame)
            case Refusal():
                raise Parting(message("peer.refused", why=note_of(frame.why)))
            case Devices():
                self._take_devices(frame)
            case Holdings():
                self._take_holdings(frame)
            case Stats():
                self._heard.report(_checked_stats(frame))
            case Beat():
                return
            case _:
                self._take_report(frame)

    def _greet(self, hello: Hello) -> None:
        if hello.protocol != PROTOCOL:
            raise Parting(message("peer.protocol", theirs=hello.protocol, own=PROTOCOL, version=hello.version[:40]))
        if hello.server == self._terms.server:
            raise Parting(message("peer.itself"))
        if self._greeted:
            raise Lie(message("lie.early"))
        self._greeted = True

    def _take_devices(self, told: Devices) -> None:
        """A device may go and come again, as its worker does; another it never becomes."""
        if len(told.ready) > _MOST_DEVICES:
            raise Lie(message("lie.devices"))
        names = tuple((each.device, each.name) for each in told.ready)
        known = self._devices or names
        if not set(names) <= set(known) or not all(map(_is_proper, told.ready)):
            raise Lie(message("lie.devices"))
        self._devices = known
        broken = None if told.broken is None else note_of(told.broken)
        self._heard.devices(Devices(ready=told.ready, broken=broken))

    def _take_holdings(self, told: Holdings) -> None:
        if not all(_DIGEST.fullmatch(digest) for digest in (*told.came, *told.gone)):
            raise Lie(message("lie.holdings"))
        self._files = (self._files - set(told.gone)) | set(told.came)
        if len(self._files) > _MOST_FILES:
            raise Lie(message("lie.holdings"))
        self._heard.holdings(told)

    def _take_report(self, event: JobReport) -> None:
        if event.job not in self._jobs:
            raise Lie(message("lie.job"))
        claim = self._jobs[event.job]
        checked = checked_answer(event) if claim is None else claim.checked(event)
        if ends(checked):
            del self._jobs[event.job]
            if (timer := self._timers.pop(event.job, None)) is not None:
                timer.cancel()
        if claim is None or not isinstance(checked, Finished):
            self._heard.report(checked)
            return
        check = asyncio.create_task(self._look(claim, checked))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _look(self, claim: JobClaim, finished: Finished) -> None:
        """Passes a picture on once it is known to be one."""
        try:
            claim.check_size(await self._terms.look(claim.job, finished.data))
        except (BadPicture, Lie):
            self.lied = self.hopeless = True
            self.kill(message("lie.picture"))
        except ImagineError as error:
            self._heard.report(_failed_with(claim.job.job, error))
        else:
            self._heard.report(finished)


def _failed_with(job: str, error: ImagineError) -> Failed:
    return Failed(job=job, error=type(error).__name__, message=error.note, verdict=getattr(error, "verdict", None))


def _is_proper(ready: Ready) -> bool:
    room = ready.room
    numbers = () if room is None else (room.memory, room.left, room.width, room.others)
    texts = [ready.device, ready.name, *ready.environment, *ready.environment.values()]
    lengths = [len(str(text)) for text in texts]
    return max(lengths) <= _LONGEST and len(lengths) <= _LONGEST and all(number >= 0 for number in numbers)


def _checked_stats(told: Stats) -> Stats:
    """Raises Lie for what is too much to be true."""
    texts = [text for each in told.models for text in (each.name, each.digest, each.dtype, each.way)]
    if len(told.models) > _MOST_MODELS or any(len(text) > 2 * _LONGEST for text in texts):
        raise Lie(message("lie.event"))
    return told
