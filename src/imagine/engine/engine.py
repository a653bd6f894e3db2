"""The engine: many jobs, one step at a time. Jobs join and leave the running batch at every step.

`step()` does one unit of work and says what happened: one denoising step of one batch, or a tenth of a second of
encoding a job's inputs or of developing one picture; models are opened and files written beside it. Who comes next is
told by `turns`: seconds of the device are shared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from ..words.frames import JobReport, Load, Loaded, Ready, Score, Stats, Submit, Unload, Unloaded, WorkerSettings
from .activity import Activity
from .adapters.embedding import OpenEmbeddings
from .adapters.kept import Kept
from .adapters.opened import Opened
from .arrivals import Arrival, Arrivals
from .batching import Batching
from .coding import Coding
from .control.open_controls import OpenControls
from .device.device import Device
from .evaluations import Evaluations
from .families.open import file_bytes, open_model
from .jobs.ledger import Ledger
from .jobs.looking import CheckerReader, OpenCheckers
from .jobs.makers import Makers
from .jobs.work import Work
from .loading.adapter_readers import ADAPTER_READERS
from .loading.control_file import ControlFile
from .loading.embedding_file import read_embedding
from .loading.image_adapter_file import read_image_adapter
from .loading.image_encoder import read_image_encoder
from .memory_pressure import MemoryPressure
from .parts.slices import TURN
from .pictures import Pictures, scored_by
from .references.opened import OpenReferences, ReferenceReaders
from .reports import Reports
from .residency.models import MeasureBytes, Models
from .residency.opening import OpenModel
from .safety.opening import open_checker
from .turns import Line, choose

_FIRST_PREVIEW = 0.02
"""Seconds that a step waits for the first previews of its jobs, so that they needn't wait for the next one."""
_PATIENCE = 0.1
"""Seconds to wait for a thread before looking at commands again."""
_REST = 5.0
"""Seconds without work after which freed memory is given back: less would take it from the next of several jobs."""

_LOOK = 10.0
"""Seconds after which it is seen that others need the main memory that idle models wait in."""


class Engine:
    """Owns one device and what is on it. All calls come from one thread; `stage` is also read from others."""

    def __init__(
        self, settings: WorkerSettings, *, open_model: OpenModel = open_model, measure: MeasureBytes = file_bytes,
        pictures: Pictures | None = None, clock: Callable[[], float] = time.monotonic, turn: float = TURN,
        open_checker: CheckerReader = open_checker,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._device = Device(settings)
        self._kept = Kept()
        self._models = Models(self._device, open_model, measure, settings.keep_alive, clock, self._kept)
        self._batching = Batching(settings.max_batch)
        self._makers = _makers(self._device, self._kept, turn, open_checker)
        self._pictures = pictures or Pictures()
        self._arrivals = Arrivals(self._models, clock)
        self._jobs: dict[str, Work] = {}
        self._line = Line()
        self._unloads: dict[str, Unload] = {}
        self._activity = Activity()
        self._reports = Reports(self._batching, self._models, self._pictures)
        memory = MemoryPressure(self._device, self._models, self._kept, self._batching, self._makers.forward)
        made_with = (self._device, self._models, memory, self._activity, clock)
        self._evaluations = Evaluations(*made_with, self._batching, self._line)
        self._coding = Coding(*made_with, self._pictures, self._reports, turn)
        self._submitted = 0
        self._rests_at = math.inf
        """When freed memory is to be given back."""
        self._looks_at = -math.inf
        """When to look next whether the machine runs short of main memory."""

    @property
    def stage(self) -> str:
        return self._activity.stage

    @property
    def busy(self) -> bool:
        return bool(self._arrivals or self._jobs or self._unloads or self._reports.waiting or self._pictures.making)

    def describe(self) -> Ready:
        return self._device.describe()

    def submit(self, job: Submit) -> None:
        self._submitted += 1
        self._arrivals.add(job.job, Ledger(job, self._submitted))

    def load(self, command: Load) -> None:
        self._arrivals.add(command.job, command)

    def unload(self, command: Unload) -> None:
        self._models.residency.unload(command.model)
        self._unloads[command.job] = command

    def score(self, command: Score) -> None:
        checker = self._makers.checkers.beside(self._pictures, command.checker)
        self._pictures.tell(command.job, scored_by(checker, command))

    def cancel(self, job: str) -> None:
        self._unloads.pop(job, None)
        self._forget(job)

    def expire(self, now: float) -> float | None:
        nearest = self._models.residency.expire(now, self._arrivals.models)
        if self._rests_at <= now and not self.busy:
            self._rests_at = math.inf
            self._device.release()
        if self._looks_at <= now:
            self._models.relieve(self._arrivals.models)
            self._looks_at = now + _LOOK
        looks_at = self._looks_at if not self.busy and self._models.residency.in_main else math.inf
        due = min(math.inf if nearest is None else nearest, self._rests_at, looks_at)
        return None if math.isinf(due) else due

    def stats(self) -> Stats:
        return Stats(
            models=self._models.residency.report(self._clock()),
            jobs=len(self._arrivals) + len(self._jobs),
            steps=self._evaluations.landed,
        )

    def drop_step(self) -> list[str]:
        dropped, self._activity.jobs = list(self._activity.jobs), ()
        for job in dropped:
            self.cancel(job)
        return dropped

    def step(self) -> list[JobReport]:
        """One unit of work; see the module. Raises what went wrong, after which `drop_step` names whom it hit.

        What else happened in a step that raised is said by the next one.
        """
        self._activity.jobs = ()
        try:
            self._work()
            self._pictures.wait_for_first(_FIRST_PREVIEW)
            self._reports.waiting += self._pictures.previews()
        finally:
            self._activity.stage = "idle"
            if self._device.keeps_freed_memory:
                self._rests_at = self._clock() + _REST
        reports, self._reports.waiting = self._reports.waiting, []
        return reports

    def _work(self) -> None:
        self._collect()
        self._let_go()
        self._settle()
        if self._receive():
            return
        active = [job for job in self._jobs.values() if not self._pictures.finishing(job.ledger.id)]
        line = self._line.ordered(active)
        if self._reports.waiting or (line and self._reports.come_before(line[0])):
            return
        if line:
            self._serve(line)
        else:
            self._wait()

    def _receive(self) -> bool:
        """Have those in line whose models are there; says whether there is something to tell before going on."""
        while True:
            arrived, news = self._arrivals.next()
            self._reports.waiting += news
            if arrived is None:
                return bool(news)
            self._begin(arrived)

    def _serve(self, line: Sequence[Work]) -> None:
        """A turn of the first in line, and its seconds laid to those who had them."""
        first = line[0]
        self._line.serve(first)
        if first.prepared and not first.denoised:
            self._denoise(first, [job for job in line if job.prepared and not job.denoised])
            return
        self._evaluations.land(0)
        begun = self._clock()
        served = self._coding.advance(first)
        self._line.charge([served], self._clock() - begun)

    def _denoise(self, first: Work, line: Sequence[Work]) -> None:
        """The next evaluation of `first`, and of those who share it."""
        self._activity.stage = "denoising"
        for job in self._evaluations.make(choose(first, line, self._batching, self._line.ahead)):
            self._activity.jobs = [job.ledger.id]
            self._reports.step(job)

    def _let_go(self) -> None:
        """Answer the unloads whose model is gone."""
        for unload in list(self._unloads.values()):
            if not self._models.residency.leaving(unload.model):
                del self._unloads[unload.job]
                self._reports.waiting.append(Unloaded(job=unload.job, model=unload.model))

    def _settle(self) -> None:
        """Take in a model that has been opened."""
        self._activity.jobs = self._arrivals.wanting()
        self._reports.waiting += self._arrivals.settle()
        self._activity.jobs = ()

    def _begin(self, arrived: Arrival) -> None:
        """Its models are there."""
        name, waiting = arrived.name, arrived.waiting
        self._activity.jobs = [name]
        if isinstance(waiting, Load):
            self._models.touch(waiting.model, waiting.keep_alive)
            self._reports.waiting.append(Loaded(job=name, model=waiting.model.name))
            self._forget(name)
            return
        models = [self._models.use(m, name, waiting.submit.keep_alive) for m in waiting.submit.models]
        job = self._makers.begin(waiting, [resident.family for resident in models])
        waiting.warn(*(note for resident in models for note in resident.told()))
        waiting.timings["loading"] = arrived.seconds
        self._arrivals.drop(name)
        self._jobs[name] = job
        self._line.enter(job)

    def _wait(self) -> None:
        opening = self._models.opening
        if opening is not None:
            self._activity.stage = "loading"
            opening.wait(_PATIENCE)
        else:
            self._pictures.wait(_PATIENCE)

    def _collect(self) -> None:
        """Take in the pictures that are ready, and let go of those that aren't to be shown."""
        self._reports.waiting += self._pictures.previews()
        for name, future in self._pictures.ended():
            self._activity.jobs = [name]
            self._reports.waiting.append(future.result())
            self._forget(name)
        self._activity.jobs = ()

    def _forget(self, name: str) -> None:
        """Whatever `name` was: it holds nothing any more."""
        self._arrivals.drop(name)
        self._coding.drop(name)
        if (job := self._jobs.pop(name, None)) is not None:
            self._line.leave(job)
            job.close()
        self._pictures.drop(name)
        self._models.residency.leave(name, self._clock())
        if not self._jobs:
            self._makers.forward.clear()
            self._evaluations.clear()


def _makers(device: Device, kept: Kept, turn: float, open_checker: CheckerReader) -> Makers:
    """What pictures on a device are made with; their adapters, controls, references and checkers are `kept`."""
    references = OpenReferences(kept, ReferenceReaders(read_image_adapter, read_image_encoder))
    adapters, embeddings = Opened(ADAPTER_READERS, kept), OpenEmbeddings(read_embedding)
    checkers = OpenCheckers(open_checker, kept)
    return Makers(device, turn, adapters, embeddings, OpenControls(ControlFile, kept), references, checkers)
