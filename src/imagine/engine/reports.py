"""What is to be told of the jobs, in order, until the engine's step that it happened in hands it over."""

from __future__ import annotations

from ..words.events import Progress
from ..words.frames import JobReport
from .batching import Batching
from .jobs.work import Work
from .pictures import Pictures, preview_of
from .residency.models import Models

_FOR_PICTURES = 0.05
"""How much of what an evaluation takes may be waited before it for pictures that threads are making."""
_LONGEST_FOR_PICTURES = 1.0


class Reports:
    """Those that wait to be handed over. Calls come from the engine's thread."""

    def __init__(self, batching: Batching, models: Models, pictures: Pictures) -> None:
        """`batching` tells what an evaluation takes, `pictures` makes previews with the `models` of their jobs."""
        self._batching, self._models, self._pictures = batching, models, pictures
        self.waiting: list[JobReport] = []

    def progress(self, job: Work) -> None:
        """How far a prepared job is."""
        remaining = job.remaining(self._batching.seconds(job.key))
        progress = Progress(
            job=job.ledger.id, step=job.step, steps=job.steps, remaining=remaining, spent=job.ledger.spent
        )
        self.waiting.append(progress)

    def step(self, job: Work) -> None:
        """A job completed one of the user's steps: progress, and a preview where one is due."""
        self.progress(job)
        every = job.ledger.submit.preview.every
        if every and job.step % every == 0 and job.step < job.steps:
            resident = self._models.residency.find(job.ledger.models[0])
            assert resident is not None, "a model in use was let go"
            if (make := preview_of(job, resident)) is not None:
                looking = job.ledger.looking
                decides = looking is not None and looking.decides(job.painted)
                self._pictures.show(job.ledger.id, make, decides=decides)

    def come_before(self, first: Work) -> bool:
        """Before a long evaluation of `first`: is there a picture to be sent, which would else have to wait for its
        end?"""
        if not self._pictures.making or not first.prepared or first.denoised:
            return False
        seconds = self._batching.expected(first.key, 1) or 0.0
        self._pictures.wait(min(seconds * _FOR_PICTURES, _LONGEST_FOR_PICTURES))
        self.waiting += self._pictures.previews()
        return bool(self.waiting) or self._pictures.ready
