"""One life of a worker on another machine of the cluster, as the gateway sees it: frames in and out, and its silence.

A machine that is cut off says nothing, and the cluster may take a minute to call it lost. Here it says something every
second, so its silence is seen whatever the cluster was told.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

import msgspec

from ...dispatch.limits import Limits
from ...messages import Message, message
from ...words.frames import (
    AnyCommand,
    Assembler,
    Cancel,
    FrameError,
    Heartbeat,
    Load,
    Log,
    Ready,
    Report,
    ResidentModel,
    Score,
    Stats,
    Submit,
    Unload,
    encode,
)
from ..asked import AskedJobs, LookAtMade
from ..lent import Brought, Lent
from ..parting import Lie
from ..portable import portable
from ..told import note_of, plain, ready_of, stats_of
from ..wire import check_weight
from .seam import HostLost, RemoteHost
from .words import HeldFiles, HostWord, LifeOver, models_of, word_from_bytes

_log = logging.getLogger("imagine.worker")
LIMITS = Limits(silence=8.0, farewell=1.0)
_LOOKS = 4
_MOST_LOGS = 50
"""Records of its log between two looks that are written into ours."""
_LONGEST_LOG = 4096
_REMEMBERED = 64
_MOST_SAID = 16 * 2**20
"""Bytes of a frame beside a picture's own: one that tells of all files of a machine is the largest."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class RemoteLife:
    """Speaks with `host`; `report` hears what its worker says, as far as it is believed, `held` what files there are,
    `brought`, which may raise Lie, how those are that it was lent. `place` is said of it, and a picture that it made
    goes by `look` first."""

    def __init__(
        self,
        host: RemoteHost,
        place: str,
        report: Callable[[Report], None],
        held: Callable[[frozenset[str]], None],
        brought: Callable[[Brought], None],
        look: LookAtMade,
        limits: Limits = LIMITS,
    ) -> None:
        self._host = host
        self._place = place
        self._report = report
        self._held, self._brought = held, brought
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Message] = self._loop.create_future()
        self.refused, self.cut_off = False, True
        self._asked = AskedJobs(look, report, lambda why: self.kill(self._there(why)))
        self._frames = Assembler(lambda: self._asked.most_bytes + _MOST_SAID)
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._known: dict[str, str] = {}
        """What a model is to this gateway that crossed to the machine, by their `identity`."""
        self._is_ready = False
        self._spoke = False
        self._silent_looks = self._logs = 0
        self._looking: asyncio.TimerHandle | None = None
        self._starting = self._loop.call_later(limits.start, self._overdue)
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._deliver())]

    def send(self, command: AnyCommand) -> None:
        """Sends a command, of files by their digests; what can't arrive is told by `ended`. Raises FrameError."""
        if isinstance(command, Submit) and command.enlargement is not None:
            raise FrameError("what ends in a file of this machine is made here")
        if isinstance(command, Cancel) and (claim := self._asked.claims.get(command.job)) is not None:
            claim.taken_back = True
        crossing = command
        if isinstance(command, Submit | Load | Score):
            crossing = portable(command)
            for ours, theirs in zip(models_of(command), models_of(crossing), strict=True):
                self._known = dict(list(self._known.items())[-_REMEMBERED:]) | {theirs.identity: ours.identity}
        frame = bytes(encode(crossing))
        if isinstance(command, Submit | Load | Unload | Score):
            self._asked.ask(command)
        self._outbox.put_nowait(frame)

    def lend(self, lent: Lent) -> None:
        """Has it bring these files from here."""
        self._outbox.put_nowait(bytes(encode(lent)))

    def kill(self, verdict: Message) -> None:
        """Ends the process there, as far as it can be reached; to this side it is over at once."""
        if not self.ended.done():
            self._host.kill()
            self._end(verdict)

    async def _deliver(self) -> None:
        try:
            while True:
                await self._host.send(await self._outbox.get())
        except HostLost as error:
            self.kill(message("cluster.lost", place=self._place, why=str(error)))

    async def _listen(self) -> None:
        try:
            async for piece in self._host.frames():
                self._spoke = True
                if self._looking is None:
                    self._look()
                for body in self._frames.feed(piece):
                    check_weight(body, _MOST_SAID)
                    self._take(word_from_bytes(body))
        except Lie as lie:
            self.kill(self._there(lie.note))
        except FrameError as error:
            self.kill(self._there(message("lost.frame", why=str(error))))
        except HostLost as error:
            self.kill(message("cluster.lost", place=self._place, why=str(error)))
        else:
            self.kill(self._there(message("lost.closed")))

    def _take(self, word: HostWord) -> None:
        """Raises Lie."""
        if self.ended.done():
            return
        match word:
            case HeldFiles():
                if not all(map(_DIGEST.fullmatch, word.digests)):
                    raise Lie(message("lie.holdings"))
                self._held(word.digests)
            case Brought():
                self._brought(word)
            case LifeOver():
                why = note_of(word.why)
                self.refused, self.cut_off = word.refused, False
                self.kill(self._there(why))
            case _:
                self._take_report(word)

    def _take_report(self, report: Report) -> None:
        """What the worker there says. Raises Lie."""
        match report:
            case Log():
                self._write_down(report)
            case Stats():
                told = stats_of(report)
                models = [self._as_known(at, model) for at, model in enumerate(told.models)]
                self._report(msgspec.structs.replace(told, models=models))
            case Ready():
                self._is_ready = True
                self._report(ready_of(report))
            case Heartbeat():
                return
            case _:
                if report.job in self._asked.claims:  # what it says of others' jobs reaches nobody
                    self._asked.take(report)

    def _as_known(self, at: int, model: ResidentModel) -> ResidentModel:
        return msgspec.structs.replace(model, identity=self._known.get(model.identity, f"elsewhere {at}"))

    def _write_down(self, record: Log) -> None:
        self._logs += 1
        if self._logs <= _MOST_LOGS:
            level = min(max(record.level, logging.DEBUG), logging.CRITICAL)
            _log.log(level, "%s: %s", self._place, plain(record.message, _LONGEST_LOG))

    def _look(self) -> None:
        """Counts looks without a word rather than time, so that a pause of our own isn't taken for its silence."""
        self._silent_looks = 0 if self._spoke else self._silent_looks + 1
        self._spoke, self._logs = False, 0
        if self._silent_looks >= _LOOKS:
            self.kill(self._there(message("lost.silent", seconds=self._limits.silence)))
        else:
            self._looking = self._loop.call_later(self._limits.silence / _LOOKS, self._look)

    def _overdue(self) -> None:
        if not self._is_ready:
            self.kill(self._there(message("lost.start", seconds=self._limits.start)))

    def _there(self, why: Message) -> Message:
        return message("cluster.there", place=self._place, why=why)

    def _end(self, why: Message) -> None:
        for timer in (self._looking, self._starting):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._asked.leave()
        self.ended.set_result(why)
