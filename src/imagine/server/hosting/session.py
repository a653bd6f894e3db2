"""One connection of a server that this one works for: its commands followed, and all that it is told.

Its jobs stand in this server's own pool, as one client among others; its picture's order is over there, and this one's
book knows nothing of it. When the connection goes, so do they.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

import msgspec
from aiohttp import web

from ... import __version__
from ...dispatch.worker import Worker
from ...machines.inventory import Inventory
from ...machines.link import FrameLink, LinkLimits
from ...machines.listings import AT_ONCE, listed_from
from ...machines.parting import Parting
from ...machines.portable import PartAbsent, identity_elsewhere
from ...machines.told import plain
from ...machines.wire import MAX_ASKED, PROTOCOL, Beat, Devices, Hello, Holdings, ListedModels, Refusal, from_guest
from ...messages import Message, message
from ...words.entry import Entry
from ...words.errors import BadRequest, Busy, Cancelled, ImagineError, WorkerLost
from ...words.events import Failed
from ...words.frames import Cancel, FrameError, JobReport, Load, Score, Stats, Submit, Unload, Unloaded
from ..gateway.gateway import Gateway
from ..http.body import MAX_BODY
from ..http.security import Refused
from ..orders.job_log import note_end
from ..orders.quotas import KeyQuotas
from .admission import GuestServer, admitted, bytes_of, checker_at_home, model_at_home

_log = logging.getLogger("imagine.hosting")
_MOST_JOBS = 256
"""Of one connection at a time; who asks for twice as many doesn't listen."""
_DIGESTS_AT_ONCE = 4096
"""In a frame, which has as many bytes as a host says at most."""
_GATHERED = 0.05
"""Of a beat: what becomes known within it is told at once."""
_LONGEST_NAME = 64
AskedHere = Submit | Load | Unload | Score


class HostSession:
    """Used from one event loop; `serve` is its whole life."""

    def __init__(
        self,
        gateway: Gateway,
        quotas: KeyQuotas,
        inventory: Inventory,
        who: Callable[[], GuestServer],
        limits: LinkLimits | None = None,
    ) -> None:
        """`who` says whom it works for as long as that may be, and raises Refused from then on."""
        self._gateway, self._quotas, self._inventory, self._who = gateway, quotas, inventory, who
        self.guest = who()
        self._limits = limits or LinkLimits()
        self._doing: dict[str, asyncio.Task[None]] = {}
        self._jobs: dict[str, str] = {}
        """By the guest's names, those in the pool."""
        self._greeted = self._is_over = False
        self._news = asyncio.Event()
        self._aside = asyncio.Lock()
        """Models are loaded, and pictures looked at, one at a time: no quota counts them."""
        self._link: FrameLink

    def wake(self) -> None:
        """There may be something to tell."""
        self._news.set()

    async def serve(self, socket: web.WebSocketResponse) -> Message:
        """Follows what it says until the connection is over; says why it is."""
        self._link = FrameLink(socket, lambda: MAX_ASKED, self._limits)
        telling = asyncio.create_task(self._tell())
        try:
            return await self._link.hear(self._take)
        except Parting as parting:
            with contextlib.suppress(OSError):
                await self._link.say(Refusal(why=parting.note))
            return parting.note
        finally:
            self._is_over = True
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
            version = plain(hello.version, 40)
            raise Parting(message("peer.protocol", theirs=hello.protocol, own=PROTOCOL, version=version))
        if hello.server == self._gateway.server:
            raise Parting(message("peer.itself"))
        self._greeted = True

    def _begin(self, asked: AskedHere) -> None:
        if asked.job in self._doing or not 0 < len(asked.job) <= _LONGEST_NAME:
            raise Parting(message("lie.job"))
        if len(self._doing) >= 2 * _MOST_JOBS:
            raise Parting(message("lie.crowd"))
        try:
            self.guest = self._who()
        except Refused as refused:  # a key may be taken away, or expire, while its connection stays
            raise Parting(refused.note) from refused
        self._doing[asked.job] = asyncio.create_task(self._follow(asked))

    def _cancel(self, job: str) -> None:
        """In the pool, it ends as any does; before that, at once, but not before it could say so: a task that is
        cancelled before its first step never takes one."""
        if job in self._jobs:
            self._gateway.pool.cancel(self._jobs[job])
        elif (task := self._doing.get(job)) is not None:
            asyncio.get_running_loop().call_soon(_cancel_once, task)

    async def _follow(self, asked: AskedHere) -> None:
        """Does what is asked, and says what prevents it."""
        job = asked.job
        try:
            if len(self._doing) > _MOST_JOBS:
                raise Busy(message("busy.queue", most=_MOST_JOBS, seconds=1), retry_after=1.0)
            await self._do(asked)
        except PartAbsent as error:
            await self._say_failed(job, WorkerLost.__name__, error.note)
        except ImagineError as error:
            await self._say_failed(job, type(error).__name__, error.note)
        except FrameError as error:
            _log.warning("%s sent a job that is refused: %s", self.guest.name, plain(str(error)))
            await self._say_failed(job, BadRequest.__name__, message("peer.frame", why=str(error)))
        except asyncio.CancelledError:
            if not self._is_over:
                await self._say_failed(job, Cancelled.__name__, message("job.cancelled"))
            raise
        except OSError:  # nobody listens any more, which ends all of it
            return
        finally:
            self._doing.pop(job, None)
            self._jobs.pop(job, None)

    async def _do(self, asked: AskedHere) -> None:
        match asked:
            case Submit():
                await self._make(asked)
            case Load():
                await self._load(asked)
            case Unload():
                await self._unload(asked)
            case Score():
                await self._score(asked)

    async def _make(self, sent: Submit) -> None:
        gateway, guest = self._gateway, self.guest
        with gateway.allowance.holding() as holding:
            holding.hold(bytes_of(sent))
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
        async with self._aside:
            loaded = await self._own().load(model)
        await self._pass_on(loaded, sent.job)

    async def _score(self, sent: Score) -> None:
        checker = await checker_at_home(self._gateway, self._inventory, self.guest, sent)
        async with self._aside:
            scored = await self._own().score(checker, sent.img)
        await self._pass_on(scored, sent.job)

    async def _unload(self, sent: Unload) -> None:
        """How long a model stays is decided for everybody: whose key isn't for that has it go when this server says."""
        if self.guest.key is None or self.guest.key.may("models"):
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
        stats, files, listed = _Changing(self._stats), frozenset[str](), frozenset[str]()
        with contextlib.suppress(OSError):  # who listens is gone, which whoever hears notices
            await self._link.say(Hello(protocol=PROTOCOL, version=__version__, server=self._gateway.server))
            while True:
                here = self._inventory.digests
                for told in holdings_between(files, here):
                    await self._link.say(told)
                if here != listed and (here == files or len(here) >= 2 * len(listed)):
                    for each in listings_of(self._gateway.registry.files(), here):
                        await self._link.say(each)
                    listed = here
                files = here
                for changing in (devices, stats):
                    if (news := changing.news()) is not None:
                        await self._link.say(news)
                self._news.clear()
                with contextlib.suppress(TimeoutError):  # of devices and models nobody tells: they are looked at
                    async with asyncio.timeout(self._limits.beat):
                        await self._news.wait()
                await asyncio.sleep(_GATHERED * self._limits.beat)

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


def _cancel_once(task: asyncio.Task[None]) -> None:
    """A second time would keep it from saying that it was cancelled."""
    if not task.cancelling():
        task.cancel()


assert MAX_ASKED == MAX_BODY, "what one server could be asked another is"


def holdings_between(before: frozenset[str], now: frozenset[str]) -> Iterator[Holdings]:
    """What is to be told of files that came and went, in frames that may be said; nothing where nothing did."""
    came, gone = sorted(now - before), sorted(before - now)
    for at in range(0, max(len(came), len(gone)), _DIGESTS_AT_ONCE):
        part = slice(at, at + _DIGESTS_AT_ONCE)
        yield Holdings(came=tuple(came[part]), gone=tuple(gone[part]))


def listings_of(files: list[Entry], held: frozenset[str]) -> Iterator[ListedModels]:
    """All that others may ask for, in frames that may be said."""
    entries = listed_from(files, held)
    for at in range(0, max(1, len(entries)), AT_ONCE):
        end = at + AT_ONCE
        yield ListedModels(entries=tuple(entries[at:end]), is_first=not at, is_last=end >= len(entries))


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
