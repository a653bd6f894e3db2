"""A worker whose every step takes the same time, whatever the machine: for what machines cost beside their work.

A real worker process, around an engine that waits 50 ms a step and says a preview of 20 kB with each, which ends with
when it was made. Pictures are noise, and files like any other, since of other machines nothing else is taken.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections import deque

from PIL import Image

from imagine.pictures import images
from imagine.words.events import Finished, Preview, Progress
from imagine.words.frames import JobReport, Load, Loaded, Ready, ResidentModel, Score, Stats, Submit, Unload, Unloaded
from imagine.words.recipe import meta_from_params
from imagine.worker.main import main

STEP = 0.05
"""Seconds."""
_SIDE = 80
"""Pixels of a preview: noise of so many takes 20 kB."""
_TIME = struct.Struct("<d")


class FixedEngine:
    """Does one step of one job at a time, in their order. `worker.engine_protocol` says what is promised."""

    def __init__(self, _: object) -> None:
        self.stage = "idle"
        self._jobs: deque[tuple[Submit, int]] = deque()
        self._said: list[JobReport] = []
        self._models: dict[str, ResidentModel] = {}
        self._noise = Image.frombytes("RGB", (_SIDE, _SIDE), os.urandom(3 * _SIDE**2))
        self._preview = images.encode(self._noise)

    @property
    def busy(self) -> bool:
        """Is there a job?"""
        return bool(self._jobs or self._said)

    def describe(self) -> Ready:
        """A device that is none."""
        return Ready(device="fixed")

    def submit(self, job: Submit) -> None:
        """Behind those that are there."""
        self._jobs.append((job, 1))
        model = job.model
        self._models[model.identity] = ResidentModel(name=model.name, digest=model.digest, identity=model.identity)

    def cancel(self, job: str) -> None:
        """Forgets it."""
        self._jobs = deque(each for each in self._jobs if each[0].job != job)

    def load(self, command: Load) -> None:
        """There is nothing to load."""
        self._said.append(Loaded(job=command.job, model=command.model.name))

    def unload(self, command: Unload) -> None:
        """Nor to let go."""
        self._said.append(Unloaded(job=command.job, model=command.model))

    def score(self, command: Score) -> None:
        """Nobody asks."""
        raise NotImplementedError(command.job)

    def step(self) -> list[JobReport]:
        """Waits, and says that it has."""
        if self._said:
            said, self._said = self._said, []
            return said
        job, number = self._jobs.popleft()
        time.sleep(STEP)
        steps = job.params.num_steps
        told: list[JobReport] = [Progress(job=job.job, step=number, steps=steps, spent=number * STEP)]
        if number == steps:
            meta = meta_from_params(job.params)
            picture = images.encode(self._noise.resize((job.params.width, job.params.height)), meta=meta)
            return [*told, Finished(job=job.job, data=picture, meta=meta, timings={})]
        self._jobs.appendleft((job, number + 1))
        if job.preview.every:
            data = self._preview + _TIME.pack(time.time())
            told.append(Preview(job=job.job, step=number, steps=steps, data=data))
        return told

    def drop_step(self) -> list[str]:
        """No step fails."""
        return []

    def expire(self, now: float) -> None:
        """Whatever was asked for stays."""

    def stats(self) -> Stats:
        """What waits, and what was asked for, as if it were there."""
        return Stats(jobs=len(self._jobs), models=[*self._models.values()])


def made_at(data: bytes) -> float:
    """When a preview was made that ends so, in Unix seconds."""
    return float(_TIME.unpack(data[-_TIME.size :])[0])


if __name__ == "__main__":
    sys.exit(main([], make=FixedEngine))
