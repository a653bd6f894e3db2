"""The engine, as a worker has it, for benchmarks that put it beside something else."""

from __future__ import annotations

from pathlib import Path

from bench.arms import PROMPT, model_at
from imagine.engine.engine import Engine
from imagine.words.events import Finished
from imagine.words.frames import PreviewSettings, Submit, WorkerSettings
from imagine.words.recipe import GenerationParams


class Ours:
    """The engine with one model on it."""

    def __init__(self, model: Path, side: int, steps: int, *, full_prec: bool) -> None:
        self.model = model_at(model)
        self.engine = Engine(WorkerSettings(device="cpu", full_prec=full_prec, keep_alive=-1))
        self.params = GenerationParams(
            model=self.model.name, digest=self.model.digest, prompt=PROMPT, width=side, height=side, num_steps=steps,
            guidance=7.0, sampler="dpm++ 2m", seed=1, reproducible=True,
        )  # fmt: skip

    def picture(self, every: int = 0) -> Finished:
        preview = PreviewSettings(every=every)
        self.engine.submit(Submit(job="bench", client="bench", params=self.params, model=self.model, preview=preview))
        made = None
        while self.engine.busy:
            for report in self.engine.step():
                made = report if isinstance(report, Finished) else made
        assert made is not None
        return made
