"""Two workers of the CPU, a processor each, against one: how many times the pictures, and are they the same bytes?

`python -m bench.devices`: in turn, the same pictures by a pool of one worker and by one of two, each worker held to one
processor and one thread; then by two workers that are free to move. Pictures are made alone (reproducible), which is
work of one thread; `--together` lets workers batch them. Before it, each picture is made by every worker, and by one
of two threads, and the bytes are compared. It wants two processors that nobody else is using.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from bench.arms import interleaved, model_at, ratio, show
from imagine.dispatch.pool import Pool
from imagine.dispatch.process import ProcessWorker
from imagine.dispatch.worker import error_from_failed
from imagine.processes import cores
from imagine.words.events import Failed, Finished
from imagine.words.frames import Submit, WorkerSettings
from imagine.words.model import Model
from imagine.words.recipe import GenerationParams

MODEL = Path("models.example/toybox.safetensors")
WANTED = 1.8
_ids = count()


class PoolArm:
    """A pool of workers that all have the model."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: Sequence[WorkerSettings], model: Model) -> None:
        self._loop, self._model = loop, model
        self.workers = [ProcessWorker(each, place=f"worker {place}") for place, each in enumerate(settings)]
        self._pool = Pool(self.workers)

    def start(self) -> None:
        self._loop.run_until_complete(self._start())

    def stop(self) -> None:
        self._loop.run_until_complete(self._pool.stop(0))

    def make(self, wishes: Sequence[GenerationParams]) -> list[str]:
        """The digests of the pictures, in their order. Raises ImagineError for one that can't be made."""
        return self._loop.run_until_complete(self._make(wishes))

    async def _start(self) -> None:
        await self._pool.start()
        for worker in self.workers:
            await worker.load(self._model, -1)

    async def _make(self, wishes: Sequence[GenerationParams]) -> list[str]:
        return list(await asyncio.gather(*map(self._one, wishes)))

    async def _one(self, params: GenerationParams) -> str:
        name = str(next(_ids))
        async for event in self._pool.submit(Submit(job=name, client=name, params=params, model=self._model)):
            if isinstance(event, Failed):
                raise error_from_failed(event)
            if isinstance(event, Finished):
                return hashlib.sha256(event.data).hexdigest()
        raise AssertionError("a job's events stopped before its end")


def wishes_for(model: Model, number: int, steps: int, *, alone: bool) -> list[GenerationParams]:
    return [
        GenerationParams(
            model=model.name, digest=model.digest, prompt="a small green fish on a gray background", width=128,
            height=128, num_steps=steps, guidance=3.0, sampler="euler", seed=seed, reproducible=alone,
        )
        for seed in range(number)
    ]  # fmt: skip


def compare(arms: Sequence[PoolArm], wishes: Sequence[GenerationParams]) -> None:
    """What each worker makes of the same recipes: by one thread anywhere, and by two."""
    made = [arm.make(wishes) for arm in arms]
    for arm, digests in zip(arms[1:], made[1:], strict=True):
        same = sum(a == b for a, b in zip(made[0], digests, strict=True))
        ready = arm.workers[0].ready
        threads = None if ready is None else ready.environment["threads"]
        print(f"another worker, of {threads} threads: {same} of {len(wishes)} pictures with the same bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--together", action="store_true", help="let workers batch the pictures")
    said = parser.parse_args()
    os.environ.pop("OMP_NUM_THREADS", None)  # it would be every worker's
    processors = cores.ours()
    first, second = (share[:1] for share in cores.shared_out(processors, 2))
    on, loop = partial(msgspec.structs.replace, WorkerSettings(device="cpu", keep_alive=-1)), asyncio.new_event_loop()
    model = model_at(MODEL)
    wishes = wishes_for(model, said.pictures, said.steps, alone=not said.together)
    one, two = PoolArm(loop, [on(cores=first)], model), PoolArm(loop, [on(cores=first), on(cores=second)], model)
    free = PoolArm(loop, [on(threads=1), on(threads=1)], model)
    other, both = PoolArm(loop, [on(cores=second)], model), PoolArm(loop, [on(threads=2)], model)
    begun = [one, two, free, other, both]
    try:
        for arm in begun:
            arm.start()
        compare([one, other, both], wishes[:4])
        for arm in (other, both):
            arm.stop()
            begun.remove(arm)
        arms = {"one worker": one, "two, held to a processor each": two, "two, free to move": free}
        seconds = interleaved({name: partial(arm.make, wishes) for name, arm in arms.items()}, said.rounds)
    finally:
        for arm in begun:
            arm.stop()
        loop.close()
    show(seconds)
    held, moving = (ratio(seconds, "one worker", name) for name in list(arms)[1:])
    print(f"two against one: {held:.2f}× the pictures held (wanted: {WANTED}), {moving:.2f}× free to move")


if __name__ == "__main__":
    main()
