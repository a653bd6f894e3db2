"""The engine: many jobs, one step at a time. Jobs join and leave the running batch at every step.

`step()` does one unit of work and says what happened: one denoising step of one batch, or a tenth of a second of
encoding a job's inputs or of developing one picture; models are opened and files written beside it. Who comes next is
told by `turns`: seconds of the device are shared.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from PIL import Image

from ..messages import message
from ..words.errors import OutOfMemory
from ..words.events import Progress
from ..words.frames import JobReport, Load, Loaded, Ready, Stats, Submit, Unload, Unloaded, WorkerSettings
from .adapters.embedding import OpenEmbeddings
from .adapters.kept import Kept
from .adapters.opened import Opened
from .arrivals import Arrival, Arrivals
from .batching import Batching
from .control.open_controls import OpenControls
from .device.device import Device
from .device.memory import Shortage
from .device.span import Span
from .families.open import file_bytes, open_model
from .flight import Flight, Launched
from .jobs.ledger import Ledger
from .jobs.makers import Makers
from .jobs.work import MadeMap, OnDisk, Work
from .loading.adapter_readers import ADAPTER_READERS
from .loading.control_file import ControlFile
from .loading.embedding_file import read_embedding
from .loading.image_adapter_file import read_image_adapter
from .loading.image_encoder import read_image_encoder
from .parts.part import is_spared
from .parts.slices import TURN
from .pictures import Pictures, final_of, preview_of
from .references.opened import OpenReferences, ReferenceReaders
from .residency.models import MeasureBytes, Models
from .residency.opening import OpenModel
from .suspended import Suspended
from .turns import Batch, Line, choose

T = TypeVar("T")
_FIRST_PREVIEW = 0.02
"""Seconds that a step waits for the first previews of its jobs, so that they needn't wait for the next one."""
_FOR_PICTURES = 0.05
"""How much of what a step takes may be waited before it for pictures that threads are making."""
_LONGEST_FOR_PICTURES = 1.0
_PATIENCE = 0.1
"""Seconds to wait for a thread before looking at commands again."""
_REST = 5.0
"""Seconds without work after which freed memory is given back: less would take it from the next of several jobs."""


class Engine:
    """Owns one device and what is on it. All calls come from one thread; `stage` is also read from others."""

    def __init__(
        self, settings: WorkerSettings, *, open_model: OpenModel = open_model, measure: MeasureBytes = file_bytes,
        pictures: Pictures | None = None, clock: Callable[[], float] = time.monotonic, turn: float = TURN,
    ) -> None:  # fmt: skip
        self.stage = "idle"
        self._clock = clock
        self._device = Device(settings)
        self._kept = Kept()
        self._models = Models(self._device, open_model, measure, settings.keep_alive, clock, self._kept)
        self._batching = Batching(settings.max_batch)
        readers = ReferenceReaders(read_image_adapter, read_image_encoder)
        self._makers = Makers(
            self._device, turn, Opened(ADAPTER_READERS, self._kept), OpenEmbeddings(read_embedding),
            OpenControls(ControlFile, self._kept), OpenReferences(self._kept, readers),
        )  # fmt: skip
        self._pictures = pictures or Pictures()
        self._arrivals = Arrivals(self._models, clock)
        self._jobs: dict[str, Work] = {}
        self._line = Line()
        self._flight = Flight()
        self._suspended = Suspended(clock, self._device.synchronize, turn)
        self._unloads: dict[str, Unload] = {}
        self._reports: list[JobReport] = []
        self._working: Sequence[str] = ()
        self._submitted = self._batches = self._turns = 0
        self._rests_at = math.inf
        """When freed memory is to be given back."""

    @property
    def busy(self) -> bool:
        return bool(self._arrivals or self._jobs or self._unloads or self._reports)

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

    def cancel(self, job: str) -> None:
        self._unloads.pop(job, None)
        self._forget(job)

    def expire(self, now: float) -> float | None:
        nearest = self._models.residency.expire(now, self._arrivals.models)
        if self._rests_at <= now and not self.busy:
            self._rests_at = math.inf
            self._device.release()
        due = min(math.inf if nearest is None else nearest, self._rests_at)
        return None if math.isinf(due) else due

    def stats(self) -> Stats:
        return Stats(
            models=self._models.residency.report(self._clock()),
            jobs=len(self._arrivals) + len(self._jobs),
            steps=self._batches,
        )

    def drop_step(self) -> list[str]:
        dropped, self._working = list(self._working), ()
        for job in dropped:
            self.cancel(job)
        return dropped

    def step(self) -> list[JobReport]:
        """One unit of work; see the module. Raises what went wrong, after which `drop_step` names whom it hit.

        What else happened in a step that raised is said by the next one.
        """
        self._working = ()
        try:
            self._work()
            self._pictures.wait_for_first(_FIRST_PREVIEW)
            self._reports += self._pictures.previews()
        finally:
            self.stage = "idle"
            if self._device.keeps_freed_memory:
                self._rests_at = self._clock() + _REST
        reports, self._reports = self._reports, []
        return reports

    def _work(self) -> None:
        self._collect()
        self._let_go()
        self._settle()
        if self._receive():
            return
        active = [job for job in self._jobs.values() if not self._pictures.finishing(job.ledger.id)]
        line = self._line.ordered(active)
        if self._reports or (line and self._shows(line[0])):
            return
        if line:
            self._serve(line)
        else:
            self._wait()

    def _shows(self, first: Work) -> bool:
        """Before a long step of `first`: is there a picture to be sent, which would else have to wait for its end?"""
        if not self._pictures.making or not first.prepared or first.denoised:
            return False
        seconds = self._batching.expected(first.key, 1) or 0.0
        self._pictures.wait(min(seconds * _FOR_PICTURES, _LONGEST_FOR_PICTURES))
        self._reports += self._pictures.previews()
        return bool(self._reports) or self._pictures.ready

    def _receive(self) -> bool:
        """Have those in line whose models are there; says whether there is something to tell before going on."""
        while True:
            arrived, news = self._arrivals.next()
            self._reports += news
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
        self._land(0)
        begun = self._clock()
        served = self._advance(self._suspended.in_the_way(first) or first)
        self._line.charge([served], self._clock() - begun)

    def _let_go(self) -> None:
        """Answer the unloads whose model is gone."""
        for unload in list(self._unloads.values()):
            if not self._models.residency.leaving(unload.model):
                del self._unloads[unload.job]
                self._reports.append(Unloaded(job=unload.job, model=unload.model))

    def _settle(self) -> None:
        """Take in a model that has been opened."""
        self._working = self._arrivals.wanting()
        self._reports += self._arrivals.settle()
        self._working = ()

    def _begin(self, arrived: Arrival) -> None:
        """Its models are there."""
        name, waiting = arrived.name, arrived.waiting
        self._working = [name]
        if isinstance(waiting, Load):
            self._models.touch(waiting.model, waiting.keep_alive)
            self._reports.append(Loaded(job=name, model=waiting.model.name))
            self._forget(name)
            return
        models = [self._models.use(m, name, waiting.submit.keep_alive).family for m in waiting.submit.models]
        job = self._makers.begin(waiting, models)
        waiting.timings["loading"] = arrived.seconds
        self._arrivals.drop(name)
        self._jobs[name] = job
        self._line.enter(job)

    def _wait(self) -> None:
        opening = self._models.opening
        if opening is not None:
            self.stage = "loading"
            opening.wait(_PATIENCE)
        else:
            self._pictures.wait(_PATIENCE)

    def _with_room(self, job: Work, work: Callable[[], T]) -> T:
        """Do `work`; when memory runs out, free some at this job's cost and try again."""
        while True:
            with Shortage():
                return work()
            if self._evict([job]) or self._spare(job):
                continue
            if job.ledger.tiled:
                raise OutOfMemory(message("memory.picture"))
            job.ledger.tiled = True
            job.ledger.sacrifice("tiles", message("memory.tiles"))

    def _shrink(self, batch: Batch) -> None:
        """Memory ran out in a step: free some, or have the next one smaller."""
        if self._evict(batch.jobs):
            return
        if batch.bucket > 1:
            fewer = self._batching.limit(batch.key, batch.bucket // 2)
            for job in batch.jobs:
                job.ledger.sacrifice("batch", message("memory.batch", most=fewer))
        elif not self._spare(batch.jobs[0]):
            raise OutOfMemory(message("memory.picture"))

    def _evict(self, jobs: list[Work]) -> bool:
        """Let go, for the sake of these jobs, of what was recorded, and of what is beside models that no picture has,
        else of an idle model; False when there is none."""
        self._makers.forward.clear()
        dropped = self._device.drop_recordings()
        made_way = self._kept.make_way()
        evicted = not made_way and self._models.residency.evict(whole=True)
        if not evicted:
            gc.collect()
        self._device.release()
        for job in jobs:
            if evicted:
                job.ledger.sacrifice("models", message("memory.models"))
        return evicted or dropped or made_way

    def _spare(self, job: Work) -> bool:
        """Have the job's models give memory back at the cost of speed; False when they can't."""
        with Shortage():
            done = job.spare()
            self._device.release()
            if done is not None:
                job.ledger.sacrifice("spared", done)
            return done is not None
        return False

    def _denoise(self, first: Work, line: Sequence[Work]) -> None:
        """The next evaluation of `first`, and of those who share it."""
        self.stage = "denoising"
        batch = choose(first, line, self._batching, self._line.ahead)
        self._working = [job.ledger.id for job in batch.jobs]
        begun, span, attempts = self._clock(), self._device.span(self._clock), self._device.attempts
        completed = self._evaluate(batch)
        if completed is None:
            self._shrink(batch)
            self._line.charge(batch.jobs, self._clock() - begun)
            return
        self._launched(batch, span, usual=attempts == self._device.attempts)
        for job in completed:
            self._working = [job.ledger.id]
            self._tell(job)

    def _launched(self, batch: Batch, span: Span, *, usual: bool) -> None:
        """The device was given an evaluation; wait for those before."""
        expected = (self._device.ahead and self._batching.expected(batch.key, batch.bucket)) or 0.0
        self._flight.launch(Launched(batch, span, expected, usual))
        self._line.charge(batch.jobs, expected)
        self._land(self._device.ahead)

    def _land(self, most: int) -> None:
        """Take in what evaluations took, until no more than `most` are under way."""
        for landed, seconds in self._flight.land(most):
            batch = landed.batch
            if (took := batch.jobs[0].took(seconds)) is not None:
                self._batches += 1
                if landed.usual:
                    self._batching.record(batch.key, batch.bucket, took)
            for job in batch.jobs:
                job.ledger.timings["denoising"] += seconds
            self._line.charge(batch.jobs, seconds - landed.expected)

    def _evaluate(self, batch: Batch) -> list[Work] | None:
        """The jobs that completed one of the user's steps; None when memory ran out."""
        first, completed = batch.jobs[0], list[Work]()
        takes = first.evaluate(batch.jobs, batch.bucket)
        if takes is None:
            return None
        self._models.check(first.model)
        for job, take in zip(batch.jobs, takes, strict=True):
            # One that fails in its own sampler harms no other: those behind it make the same step again.
            self._working = [job.ledger.id]
            self._turns += 1
            job.ledger.served = self._turns
            if take():
                completed.append(job)
        return completed

    def _tell(self, job: Work) -> None:
        """Progress, and a preview where one is due."""
        self._report_progress(job)
        every = job.ledger.submit.preview.every
        if every and job.step % every == 0 and job.step < job.steps:
            resident = self._models.residency.find(job.ledger.models[0])
            assert resident is not None, "a model in use was let go"
            if (make := preview_of(job, resident)) is not None:
                self._pictures.show(job.ledger.id, make)

    def _report_progress(self, job: Work) -> None:
        remaining = job.remaining(self._batching.seconds(job.key))
        progress = Progress(
            job=job.ledger.id, step=job.step, steps=job.steps, remaining=remaining, spent=job.ledger.spent
        )
        self._reports.append(progress)

    def _advance(self, job: Work) -> Work:
        """A turn of preparing or of developing."""
        self.stage, self._working = "decoding" if job.prepared else "encoding", [job.ledger.id]
        before = job.step if job.prepared else 0
        if not job.prepared:
            done, _ = self._with_room(job, lambda: self._suspended.advance(job, job.prepare))
            picture = None
            if done and job.ledger.submit.beside:
                self._models.shrink(job.ledger.models)
        else:
            done, picture = self._with_room(job, lambda: self._suspended.advance(job, job.develop))
            for model in job.ledger.models if done else ():
                # What was read of it on the way is what the recipe says, or there is no picture.
                self._models.check(model)
        if picture is not None:
            self._finish(job, picture)
        elif done or (job.prepared and job.step != before):
            self._report_progress(job)
        return job

    def _finish(self, job: Work, picture: Image.Image | OnDisk | MadeMap) -> None:
        """Have the file of a picture made, unless that lies on the disk by now."""
        if isinstance(picture, OnDisk):
            meta = picture.meta
        elif isinstance(picture, MadeMap):
            picture, meta = picture
        else:
            environment = self._device.environment(job.own.dtype, spared=is_spared(job.own))
            meta = job.ledger.recorded(environment | dict(job.own.executed()))
        self._pictures.finish(job.ledger.id, final_of(job.ledger, picture, meta))

    def _collect(self) -> None:
        """Take in the pictures that are ready."""
        self._reports += self._pictures.previews()
        for name, future in self._pictures.finals():
            self._working = [name]
            self._reports.append(future.result())
            self._forget(name)
        self._working = ()

    def _forget(self, name: str) -> None:
        """Whatever `name` was: it holds nothing any more."""
        self._arrivals.drop(name)
        self._suspended.drop(name)
        if (job := self._jobs.pop(name, None)) is not None:
            self._line.leave(job)
            job.close()
        self._pictures.drop(name)
        self._models.residency.leave(name, self._clock())
        if not self._jobs:
            self._makers.forward.clear()
            self._flight.clear()
