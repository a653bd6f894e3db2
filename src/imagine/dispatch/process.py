"""A worker that lives in another process: started, fed, watched, and started again when it is lost.

That is a child of this one, unless it is said how else a life begins, as on another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count

from ..messages import Message, message
from ..processes.runtime import worker_command
from ..words.errors import ImagineError, WorkerLost
from ..words.events import Failed
from ..words.frames import (
    Cancel,
    FrameError,
    Heartbeat,
    JobReport,
    Load,
    Loaded,
    Log,
    Ready,
    Report,
    Score,
    Scored,
    Shutdown,
    Start,
    Stats,
    Submit,
    Unload,
    Unloaded,
    WorkerSettings,
    ends,
)
from ..words.model import Component, Model
from .buffer import Buffer, EventStream
from .child import Child
from .life import Life
from .limits import Limits, Restarts
from .worker import Brings, Events, error_from_failed

_log = logging.getLogger(__name__)


class ProcessWorker:
    """The `Worker` that runs `command`, or lives as `begin` has it; see `dispatch.worker.Worker` for what it promises.

    `begin` starts one life, which tells what it reports; it raises OSError where there can be none.
    """

    away = False
    brings: Brings | None = None

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        place: str = "",
        command: Sequence[str] | None = None,
        limits: Limits | None = None,
        restarts: Restarts | None = None,
        begin: Callable[[Callable[[Report], None]], Awaitable[Life]] | None = None,
    ) -> None:
        """`place` is what it is called among others; nothing: as its device, the last one that it said."""
        self._settings = settings
        self._place = place
        self._device = settings.device
        self._command = list(command or worker_command())
        self._begin = begin or self._spawn
        self._limits = limits or Limits()
        self._when = restarts or Restarts()
        self._jobs: dict[str, Buffer] = {}
        self._ids = count(1)
        self._child: Life | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._changed: Callable[[], None] = lambda: None
        self._idle = asyncio.Event()
        self._idle.set()
        self._settled = asyncio.Event()
        self._begun = asyncio.Event()
        self._came = asyncio.Event()
        self._stopping = False
        self._was_ready = self._was_useful = self._refused = False
        self.ready: Ready | None = None
        self.broken: Message | None = None
        self.stats = Stats()
        self.restarts = 0
        self.cut_off = False

    @property
    def place(self) -> str:
        """What it is called among the others."""
        return self._place or self._device

    @property
    def pid(self) -> int | None:
        """The process's id while there is one here."""
        return self._child.pid if isinstance(self._child, Child) else None

    @property
    def kept(self) -> bool:
        """Is there somebody who starts the process again? True too where nobody has to: while it ends, or for good."""
        return self._stopping or self._refused or (self._keeper is not None and not self._keeper.done())

    def holds(self, parts: Iterable[Component]) -> bool:
        """What lies on this machine it can read; of a file that is elsewhere alone there is no path."""
        return all(part.path or not part.digest for part in parts)

    async def until_ready(self) -> Ready:
        """What it says of itself once it is ready, however long it can't be started before that."""
        while self.ready is None:
            self._came.clear()
            await self._came.wait()
        return self.ready

    def watch(self, changed: Callable[[], None]) -> None:
        """Calls `changed` whenever `ready` or `broken` changes."""
        self._changed = changed

    async def start(self) -> None:
        """Begins to bring the process up, where that wasn't begun yet; returns once it was told its settings."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        await self._begun.wait()

    async def stop(self, grace: float) -> None:
        """Waits up to `grace` seconds for its jobs, then ends the process."""
        self._stopping = True
        self._settled.set()
        with contextlib.suppress(TimeoutError):  # what hasn't ended by then is lost below
            async with asyncio.timeout(grace):
                await self._idle.wait()
        if (child := self._child) is not None:
            if self.ready is not None:  # one that still imports hears nothing, and has nothing to put away
                child.send(Shutdown())
                await asyncio.wait([child.ended], timeout=self._limits.farewell)
            child.kill(message("lost.stopped"))
            await child.ended
            self.ready, self.cut_off = None, True  # by us: none of its jobs is to blame
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._lose(message("lost.stopped"))

    def submit(self, job: Submit) -> Events:
        """Hands a job over; see `Worker.submit`."""
        return self._send(job)

    def cancel(self, job: str) -> None:
        """Asks for a job back; its end comes from the worker."""
        if job in self._jobs and self._child is not None:
            self._child.send(Cancel(job=job))

    async def load(self, model: Model, keep_alive: float | None = None) -> Loaded:
        """Has a model ready; waits for a process that is starting. Raises ImagineError."""
        await self._settled.wait()
        end = await self._end_of(Load(job=self._own_id("load"), model=model, keep_alive=keep_alive))
        assert isinstance(end, Loaded), end
        return end

    async def unload(self, model: str) -> None:
        """Lets a model go. Raises ImagineError."""
        end = await self._end_of(Unload(job=self._own_id("unload"), model=model))
        assert isinstance(end, Unloaded), end

    async def score(self, checker: Model, img: bytes) -> Scored:
        """Says what is seen in a picture; waits for a process that is starting. Raises ImagineError."""
        await self._settled.wait()
        end = await self._end_of(Score(job=self._own_id("score"), checker=checker, img=img))
        assert isinstance(end, Scored), end
        return end

    async def _end_of(self, command: Load | Unload | Score) -> JobReport:
        async for event in self._send(command):
            if isinstance(event, Failed):
                raise error_from_failed(event)
            if ends(event):
                return event
        raise AssertionError("a job's events stopped before its end")

    def _own_id(self, what: str) -> str:
        return f"{what}-{next(self._ids)}"

    def _send(self, command: Submit | Load | Unload | Score) -> EventStream:
        job = command.job
        assert job not in self._jobs, f"job {job} is running already"
        buffer = self._jobs[job] = Buffer()
        self._idle.clear()
        if self._child is None or self.ready is None:
            self._end(
                Failed(
                    job=job,
                    error=WorkerLost.__name__,
                    message=message("worker.lost", why=self.broken or message("lost.starting")),
                )
            )
        else:
            try:
                self._child.send(command)
            except FrameError as error:
                self._end(Failed(job=job, error=ImagineError.__name__, message=message("job.unsent", why=str(error))))
        return EventStream(buffer, lambda: self.cancel(job))

    async def _keep(self) -> None:
        """Starts the process, again and again, unless its settings can't be."""
        useless = 0
        starts_failed = 0
        while True:
            why, was_ready, was_useful = await self._live()
            if self._stopping:
                return
            useless = 0 if was_useful else useless + 1
            starts_failed = 0 if was_ready else starts_failed + 1
            _log.error("the worker %s", why)
            if self._refused:
                self.broken = why
            elif starts_failed >= self._when.hopeless:
                self.broken = message("lost.not_started", why=why)
            if self.broken:
                self._settled.set()
            self._changed()
            if self._refused:
                return
            await asyncio.sleep(self._when.delay(useless))
            self.restarts += 1

    async def _live(self) -> tuple[Message, bool, bool]:
        """One life of the process: why it ended, whether it became ready, and whether it was of any use."""
        self._was_ready = self._was_useful = False
        try:
            child = await self._begin(self._hear)
        except OSError as error:
            self._begun.set()
            return message("lost.unrunnable", why=str(error)), False, False
        self._child = child
        child.send(Start(settings=self._settings))
        self._begun.set()
        try:
            why = await asyncio.shield(child.ended)
        finally:
            self._child = None
        self._refused, self.cut_off = child.refused, child.cut_off or self._stopping
        was_useful = self._was_useful or bool(self._jobs)
        self.ready, self.stats = None, Stats()
        if not self.broken and not self._stopping:
            self._settled.clear()
        self._lose(why)
        return why, self._was_ready, was_useful

    async def _spawn(self, report: Callable[[Report], None]) -> Life:
        child = Child(self._limits, report)
        await child.spawn(self._command)
        return child

    def _hear(self, report: Report) -> None:
        match report:
            case Ready():
                self.ready, self.broken = report, None
                self._came.set()
                self._device, self._was_ready = report.device, True
                self._settled.set()
                self._changed()
            case Stats():
                self.stats = report
            case Heartbeat() | Log():
                return
            case _:
                self._pass_on(report)

    def _pass_on(self, event: JobReport) -> None:
        if ends(event):
            self._was_useful = True
            if not self.away and isinstance(event, Failed) and event.error == WorkerLost.__name__:
                self.ready = None  # its device is gone, and it goes, too: what it were given now would be lost with it
                self._changed()
            self._end(event)
        elif event.job in self._jobs:
            self._jobs[event.job].put(event)

    def _end(self, event: JobReport) -> None:
        """The last thing ever said about a job."""
        buffer = self._jobs.pop(event.job, None)
        if buffer is not None:
            buffer.put(event)
        if not self._jobs:
            self._idle.set()

    def _lose(self, why: Message) -> None:
        """Every job it had is lost with the process."""
        for job in list(self._jobs):
            self._end(Failed(job=job, error=WorkerLost.__name__, message=message("worker.lost", why=why)))
