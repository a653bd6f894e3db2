"""The worker's main loop: take what came, step the engine once, say what happened.

Whatever the engine does, each job ends with exactly one last report, and a job that fails harms no other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..messages import message
from ..words.errors import Cancelled, ImagineError, WorkerLost
from ..words.frames import AnyCommand, Cancel, FrameError, JobReport, Load, Score, Shutdown, Start, Submit, Unload, ends
from .engine_protocol import EngineProtocol
from .failure import error_from_exception, failed_from_error
from .pipes import Inbox, Outbox
from .pulse import Pulse

_log = logging.getLogger(__name__)
_STATS_EVERY = 1.0


def serve(inbox: Inbox, outbox: Outbox, engine: EngineProtocol, pulse: Pulse, clock: Callable[[], float]) -> None:
    """Works until a `Shutdown` comes. Raises what leaves the engine unusable."""
    pulse.follow(lambda: engine.stage)
    outbox.send(engine.describe())
    _Service(inbox, outbox, engine, pulse, clock).run()


class _Service:
    def __init__(
        self, inbox: Inbox, outbox: Outbox, engine: EngineProtocol, pulse: Pulse, clock: Callable[[], float]
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._engine = engine
        self._pulse = pulse
        self._clock = clock
        self._live: set[str] = set()
        self._closing = False
        self._news = True
        self._due: float | None = None
        self._stats_at = clock() - _STATS_EVERY

    def run(self) -> None:
        while not self._closing:
            patience = self._patience()
            for command in self._inbox.take(patience):
                self._obey(command)
            if self._engine.busy and not self._closing:
                self._step()
            self._pulse.tick(busy=self._engine.busy)

    def _patience(self) -> float | None:
        """How long to wait for a command: not at all while there is work, else until a model's time runs out."""
        now = self._clock()
        self._news |= self._due is not None and self._due <= now
        self._due = self._engine.expire(now)
        self._tell_stats()
        if self._engine.busy:
            return 0
        return None if self._due is None else max(0.0, self._due - self._clock())

    def _obey(self, command: AnyCommand) -> None:
        self._pulse.tick(busy=True)
        match command:
            case Submit():
                self._begin(command.job, lambda: self._engine.submit(command))
            case Load():
                self._begin(command.job, lambda: self._engine.load(command))
            case Unload():
                self._begin(command.job, lambda: self._engine.unload(command))
            case Score():
                self._begin(command.job, lambda: self._engine.score(command))
            case Cancel(job=job):
                self._engine.cancel(job)
                self._fail(job, Cancelled(message("job.cancelled")))
            case Shutdown():
                self._closing = True
            case Start():
                raise FrameError("a worker is started only once")

    def _begin(self, job: str, hand_over: Callable[[], None]) -> None:
        self._live.add(job)
        self._news = True
        try:
            hand_over()
        except Exception as error:  # noqa: BLE001 - a refused job must not end the loop
            self._fail(job, self._ours(error))

    def _step(self) -> None:
        try:
            reports = self._engine.step()
        except Exception as error:  # noqa: BLE001 - as above
            self._blame(error)
            return
        self._pulse.tick(busy=self._engine.busy)
        for report in reports:
            self._tell(report)

    def _blame(self, error: Exception) -> None:
        """Fails the jobs that the step was about; ends the worker when there is no telling, or no device any more."""
        ours = self._ours(error)
        jobs = self._engine.drop_step()
        for job in jobs:
            self._fail(job, ours)
        if not jobs or isinstance(ours, WorkerLost):
            raise error

    def _ours(self, error: Exception) -> ImagineError:
        ours = error_from_exception(error)
        if ours is not error:
            _log.error("%s", ours, exc_info=error)
        return ours

    def _fail(self, job: str, error: ImagineError) -> None:
        self._tell(failed_from_error(job, error))

    def _tell(self, report: JobReport) -> None:
        """Sends a report of a job that has not ended; later ones have no reader."""
        if report.job not in self._live:
            return
        try:
            self._outbox.send(report)
        except FrameError as error:
            report = failed_from_error(report.job, ImagineError(message("job.result_unsent", why=str(error))))
            self._outbox.send(report)
            self._engine.cancel(report.job)
        if ends(report):
            self._live.discard(report.job)
            self._news = True

    def _tell_stats(self) -> None:
        """Says what is resident: when there is time to, and once a second of work."""
        idle_news = self._news and not self._engine.busy
        if idle_news or (self._live and self._clock() - self._stats_at >= _STATS_EVERY):
            self._outbox.send(self._engine.stats())
            self._stats_at, self._news = self._clock(), False
