"""One connection of a server that this one works for: its commands followed, and all that it is told.

Its jobs stand in this server's own pool, as one client among others; its picture's order is over there, and this one's
book knows nothing of it. When the connection goes, so do they.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from ... import __version__
from ...dispatch.worker import Worker
from ...machines.inventory import Inventory
from ...machines.link import FrameLink, LinkLimits, Parting
from ...machines.portable import PartAbsent, identity_elsewhere
from ...machines.wire import PROTOCOL, Beat, Devices, Hello, Holdings, Refusal, from_guest
from ...messages import Message, message
from ...words.errors import BadRequest, Busy, Cancelled, ImagineError, WorkerLost
from ...words.events import Failed
from ...words.frames import Cancel, FrameError, JobReport, Load, Score, Stats, Submit, Unload, Unloaded
from ..gateway.gateway import Gateway
from ..http.body import MAX_BODY
from ..orders.job_log import note_end
from ..orders.quotas import KeyQuotas
from .admission import GuestServer, admitted, checker_at_home, model_at_home

_log = logging.getLogger("imagine.hosting")
_MOST_JOBS = 256
"""Of one connection at a time."""
_LONGEST_NAME = 64
AskedHere = Submit | Load | Unload | Score


class HostSession:
    """Used from one event loop; `serve` is its whole life."""

    def __init__(
        self,
        gateway: Gateway,
        quotas: KeyQuotas,
        inventory: Inventory,
        guest: GuestServer,
        limits: LinkLimits | None = None,
    ) -> None:
        self._gateway, self._quotas, self._inventory, self._guest = gateway, quotas, inventory, guest
        self._limits = limits or LinkLimits()
        self._doing: dict[str, asyncio.Task[None]] = {}
        self._jobs: dict[str, str] = {}
        """By the guest's names, those in the pool."""
        self._greeted = False
        self._news = asyncio.Event()
        self._link: FrameLink

    def wake(self) -> None:
        """There may be something to tell."""
        self._news.set()

    async def serve(self, socket: web.WebSocketResponse) -> Message:
        """Follows what it says until the connection is over; says why it is."""
        self._link = FrameLink(socket, lambda: MAX_BODY, self._limits)
        telling = asyncio.create_task(self._tell())
        try:
            return await self._link.hear(self._take)
        except Parting as parting:
            with contextlib.suppress(OSError):
                await self._link.say(Refusal(why=parting.note))
            return parting.note
        finally:
            tasks = {telling, *self._doing.values()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _take(self, body: bytes) -> None:
        """Raises Parting, FrameError."""
        frame = from_guest(body)
        if not self._greeted and not isinstance(frame, Hello | Beat):
            raise Parting(message("lie.early"))
        match frame:
            case Hello():
                self._greet(frame)
            case Cancel():
                self._cancel(frame.job)
            case Submit() | Load() | Unload() | Score():
                self._begin(frame)

    def _greet(self, hello: Hello) -> None:
        if hello.protocol != PROTOCOL:
            raise Parting(message("peer.protocol", theirs=hello.protocol, own=PROTOCOL, version=hello.version[:40]))
        if hello.server == self._gateway.server:
            raise Parting(message("peer.itself"))
        self._greeted = True

    def _begin(self, asked: AskedHere) -> None:
        if asked.job in self._doing or not 0 < len(asked.job) <= _LONGEST_NAME:
            raise Parting(message("lie.job"))
        work = {Submit: self._make, Load: self._load, Unload: self._unload, Score: self._score}[type(asked)]
        self._doing[asked.job] = asyncio.create_task(self._follow(asked.job, work(asked)))  # type: ignore[operator]

    def _cancel(self, job: str) -> None:
        """In the pool, it ends as any does; before that, at once."""
        if job in self._jobs:
            self._gateway.pool.cancel(self._jobs[job])
        elif job in self._doing:
            self._doing[job].cancel()

    async def _follow(self, job: str, work: Awaitable[None]) -> None:
        """Does what is asked, and says what prevents it."""
        try:
            if len(self._doing) > _MOST_JOBS:
                raise Busy(message("busy.queue", most=_MOST_JOBS, seconds=1), retry_after=1.0)
            await work
        except PartAbsent as error:
            await self._say_failed(job, WorkerLost.__name__, error.note)
        except ImagineError as error:
            await self._say_failed(job, type(error).__name__, error.note)
        except FrameError as error:
            _log.warning("%s sent a job that is refused: %s", self._guest.client, error)
            await self._say_failed(job, BadRequest.__name__, message("peer.frame", why=str(error)))
        except asyncio.CancelledError:
            await self._say_failed(job, Cancelled.__name__, message("job.cancelled"))
            raise
        except OSError:  # nobody listens any more, which ends all of it
            return
        finally:
            self._doing.pop(job, None)
            self._jobs.pop(job, None)

    async def _make(self, sent: Submit) -> None:
        gateway, guest = self._gateway, self._guest
        with gateway.allowance.holding() as holding:
            holding.hold(len(sent.img or b"") + len(sent.mask or b"") + sum(len(each.image) for each in sent.controls))
            job = await admitted(gateway, self._inventory, guest, sent)
            async with self._quotas.admitted(guest.key, [job]):
                stream = gateway.pool.submit(job)
            self._jobs[sent.job] = job.job
            async with contextlib.aclosing(stream):
                async for report in stream:
                    note_end(gateway, "worker", job, report)
                    if isinstance(report, Failed) and report.verdict is not None:
                        gateway.note_verdict(report.verdict, guest.client, job.params.prompt, key=guest.asked_as.key)
                    await self._pass_on(report, sent.job)

    async def _load(self, sent: Load) -> None:
        model = model_at_home(self._inventory, sent)
        await self._pass_on(await self._own().load(model), sent.job)

    async def _score(self, sent: Score) -> None:
        checker = await checker_at_home(self._gateway, self._inventory, self._guest, sent)
        await self._pass_on(await self._own().score(checker, sent.img), sent.job)

    async def _unload(self, sent: Unload) -> None:
        """How long a model stays is decided for everybody: whose key isn't for that has it go when this server says."""
        if self._guest.key is None or self._guest.key.may("models"):
            await asyncio.gather(*(worker.unload(sent.model) for worker in self._owns() if worker.ready is not None))
        await self._link.say(Unloaded(job=sent.job, model=sent.model))

    def _owns(self) -> list[Worker]:
        """The workers of this machine: what came from elsewhere goes no further."""
        return [worker for worker in self._gateway.pool.workers if not worker.away]

    def _own(self) -> Worker:
        """Raises WorkerLost where there is none."""
        if not (owns := self._owns()):
            raise WorkerLost(message("worker.none"))
        return min(owns, key=lambda worker: (worker.ready is None, worker.stats.jobs))

    async def _pass_on(self, report: JobReport, job: str) -> None:
        await self._link.say(msgspec.structs.replace(report, job=job))

    async def _say_failed(self, job: str, error: str, note: Message) -> None:
        with contextlib.suppress(OSError):
            await self._link.say(Failed(job=job, error=error, message=note))

    async def _tell(self) -> None:
        """Says how this server is, and again what has changed of it."""
        devices = _Changing(self._devices)
        stats, files = _Changing(self._stats), frozenset[str]()
        with contextlib.suppress(OSError):  # who listens is gone, which whoever hears notices
            await self._link.say(Hello(protocol=PROTOCOL, version=__version__, server=self._gateway.server))
            while True:
                here = self._inventory.digests
                if here != files:
                    await self._link.say(Holdings(came=tuple(here - files), gone=tuple(files - here)))
                    files = here
                for changing in (devices, stats):
                    if (news := changing.news()) is not None:
                        await self._link.say(news)
                self._news.clear()
                with contextlib.suppress(TimeoutError):  # of devices and models nobody tells: they are looked at
                    async with asyncio.timeout(self._limits.beat):
                        await self._news.wait()

    def _devices(self) -> Devices:
        owns = self._owns()
        broken = next((worker.broken for worker in owns if worker.broken is not None), None)
        ready = tuple(worker.ready for worker in owns if worker.ready is not None)
        return Devices(ready=ready, broken=None if ready else broken)

    def _stats(self) -> Stats:
        told = [worker.stats for worker in self._owns()]
        models = [
            msgspec.structs.replace(model, identity=_elsewhere(model.identity)) for one in told for model in one.models
        ]
        return Stats(models=models, jobs=sum(one.jobs for one in told), steps=sum(one.steps for one in told))


class _Changing:
    """What is told again where it has changed."""

    def __init__(self, make: Callable[[], msgspec.Struct]) -> None:
        self._make = make
        self._told: msgspec.Struct | None = None

    def news(self) -> msgspec.Struct | None:
        now = self._make()
        if now == self._told:
            return None
        self._told = now
        return now


def _elsewhere(identity: str) -> str:
    """As whoever sends jobs can know it: where a file lies is nobody's business."""
    try:
        return identity_elsewhere(identity)
    except msgspec.DecodeError:  # of a worker that says none
        return ""
