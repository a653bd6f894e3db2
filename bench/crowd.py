"""A crowd on the shipped model: how much faster together than alone, how soon the first preview, and the same bytes?

`python -m bench.crowd`: sixteen mixed requests at once against one after another; the first preview of a request that
comes in the middle of another's run; a hundred mixed requests made again from their own recipes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from bench.arms import interleaved, model_at, ratio, show
from imagine.engine.engine import Engine
from imagine.words.events import Finished, Preview
from imagine.words.frames import PreviewSettings, Submit, WorkerSettings
from imagine.words.model import Model
from imagine.words.recipe import GenerationParams

SAMPLERS = ("dpm++ 2m", "euler", "euler a", "ddim", "unipc", "dpm++ 2m sde", "heun", "lms")
THINGS = ("circle", "house", "star", "fish", "tree", "car", "moon", "heart")
COLOURS = ("red", "green", "blue", "yellow", "white", "black", "pink", "purple")


@dataclasses.dataclass
class Bench:
    """The engine with the shipped model on it."""

    engine: Engine
    model: Model

    def submit(self, name: str, params: GenerationParams, every: int = 0) -> None:
        preview = PreviewSettings(every=every)
        self.engine.submit(Submit(job=name, client="bench", params=params, model=self.model, preview=preview))

    def run(self) -> dict[str, Finished]:
        """Step until nothing is left to do."""
        made = dict[str, Finished]()
        while self.engine.busy:
            for report in self.engine.step():
                if isinstance(report, Finished):
                    made[report.job] = report
        return made

    def together(self, wishes: Sequence[GenerationParams]) -> dict[str, Finished]:
        for i, params in enumerate(wishes):
            self.submit(str(i), params)
        return self.run()

    def one_by_one(self, wishes: Sequence[GenerationParams]) -> dict[str, Finished]:
        made = dict[str, Finished]()
        for i, params in enumerate(wishes):
            self.submit(str(i), params)
            made |= self.run()
        return made


def open_bench() -> Bench:
    model = model_at(Path("models.example/toybox.safetensors"))
    return Bench(Engine(WorkerSettings(device="cpu", keep_alive=-1)), model)


def mixed(count: int, model: Model, seed: int = 0) -> list[GenerationParams]:
    """Requests of different prompts, steps, guidance, samplers and seeds."""
    rng = random.Random(seed)
    return [
        GenerationParams(
            model=model.name,
            digest=model.digest,
            prompt=f"a {rng.choice(COLOURS)} {rng.choice(THINGS)} on a gray background",
            width=128,
            height=128,
            num_steps=rng.randint(12, 28),
            guidance=rng.choice((3.0, 5.0, 7.0, 9.0)),
            sampler=rng.choice(SAMPLERS),
            seed=rng.getrandbits(64),
        )
        for _ in range(count)
    ]


def throughput(bench: Bench, rounds: int) -> None:
    wishes = mixed(16, bench.model)
    for _ in range(3):  # the engine measures its buckets
        bench.together(wishes)
    arms = {"16 at once": lambda: bench.together(wishes), "16 one after another": lambda: bench.one_by_one(wishes)}
    seconds = interleaved(arms, rounds)
    show(seconds)
    print(f"at once / one after another: {1 / ratio(seconds, '16 at once', '16 one after another'):.2f}× the pictures")


def first_preview(bench: Bench, tries: int) -> None:
    """In step times of the run that is disturbed: from the arrival to the first preview."""
    waits = []
    for i in range(tries):
        long, late = mixed(2, bench.model, seed=100 + i)
        bench.submit("long", msgspec.structs.replace(long, num_steps=60, sampler="euler"))
        for _ in range(12):
            bench.engine.step()
        begun = time.perf_counter()
        for _ in range(5):
            bench.engine.step()
        step = (time.perf_counter() - begun) / 5
        arrived = time.perf_counter()
        bench.submit("late", msgspec.structs.replace(late, sampler="euler"), every=1)
        seen = None
        while seen is None:
            if any(isinstance(r, Preview) and r.job == "late" for r in bench.engine.step()):
                seen = time.perf_counter()
        waits.append((seen - arrived) / step)
        bench.engine.cancel("long")
        bench.engine.cancel("late")
        bench.run()
    waits.sort()
    p95 = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
    print(f"first preview of a newcomer: median {statistics.median(waits):.2f}, p95 {p95:.2f} step times")


def again(bench: Bench, count: int) -> None:
    """Every picture of a crowd made again from its recipe; the reproducible ones alone as well."""
    wishes = mixed(count, bench.model, seed=7)
    wishes = [msgspec.structs.replace(w, reproducible=i % 4 == 0) for i, w in enumerate(wishes)]
    crowd = bench.together(wishes)
    same = 0
    for i, params in enumerate(wishes):
        replay = (
            params if params.reproducible else msgspec.structs.replace(params, buckets=crowd[str(i)].meta["buckets"])
        )
        made = bench.together([replay])["0"]
        same += hashlib.sha256(made.data).digest() == hashlib.sha256(crowd[str(i)].data).digest()
    print(f"made again with identical bytes: {same} of {count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tries", type=int, default=40)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    print(f"torch {torch.__version__}")
    bench = open_bench()
    throughput(bench, options.rounds)
    first_preview(bench, options.tries)
    again(bench, options.count)


if __name__ == "__main__":
    main()
