"""One stage of a training: steps that depend on nothing but their number and the state before, so that a stop, wherever
it comes, changes no loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from .state import keep, kept

SAVE_EVERY = 60.0
"""Seconds between two times that the state is written."""


class TrainingStage(Protocol):
    """One thing to train, one step at a time."""

    name: str
    steps: int

    def step(self, index: int) -> dict[str, float]:
        """Train on batch `index` and say its losses."""

    def state(self) -> Mapping[str, Tensor]:
        """Everything that another process needs to go on."""

    def load(self, state: Mapping[str, Tensor]) -> None: ...


class Audience(Protocol):
    """Who is told of each step."""

    def stepped(self, done: int, losses: dict[str, float]) -> None:
        """So many steps are done; the last had these losses."""

    def stopping(self) -> bool:
        """Shall it end before the next?"""


def random_numbers(seed: int, stage: str, index: int) -> np.random.Generator:
    """The numbers that step `index` of a stage draws from: the same in every run, resumed or not."""
    return np.random.default_rng([seed, *stage.encode(), index])


def torch_numbers(rng: np.random.Generator) -> torch.Generator:
    """torch's, seeded by them."""
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def resume(stage: TrainingStage, checkpoint: Path, of: str) -> int:
    """The steps that were done of the stage, which takes over what was kept of it; 0 where that is of another: `of` is
    all that decides what it learns."""
    found = kept(checkpoint)
    if found is None or found[1].get("of") != of:
        return 0
    tensors, about = found
    stage.load(tensors)
    done = about.get("done")
    return done if isinstance(done, int) else 0


def run(
    stage: TrainingStage,
    done: int,
    checkpoint: Path,
    of: str,
    audience: Audience,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Train `stage` from step `done` on, to its end or until it is stopped; how many steps it has by then.

    Its state is kept in `checkpoint` every so often, and at the end. Raises OSError where that can't be.
    """
    saved_at, saved = clock(), done
    while done < stage.steps and not audience.stopping():
        losses = stage.step(done)
        done += 1
        if done < stage.steps and clock() - saved_at > SAVE_EVERY:
            keep(checkpoint, stage.state(), {"of": of, "done": done})
            saved_at, saved = clock(), done
        audience.stepped(done, losses)
    if done != saved:
        keep(checkpoint, stage.state(), {"of": of, "done": done})
    return done
