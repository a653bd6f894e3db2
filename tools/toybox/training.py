"""One training stage's loop: resumable at any moment, with a progress bar, a loss log and sample grids.

A stage's step depends on nothing but its number and the state it resumes from, so a stop changes no loss.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm


class Stage(Protocol):
    """One thing to train, one step at a time."""

    name: str
    steps: int

    def step(self, index: int) -> dict[str, float]:
        """Train on batch `index` and say its losses."""

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs."""

    def load(self, state: dict[str, Any]) -> None: ...

    def sample(self, folder: Path, index: int) -> None:
        """Write a picture that shows how far it is."""


def random_numbers(seed: int, stage: str, index: int) -> np.random.Generator:
    """The numbers that step `index` of a stage draws from: the same in every run, resumed or not."""
    return np.random.default_rng([seed, *stage.encode(), index])


def torch_numbers(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def save_atomically(value: Any, path: Path) -> None:
    """Replace `path` by rename, so that a kill leaves the old file or the new one."""
    partial = path.with_suffix(path.suffix + ".part")
    with partial.open("wb") as file:
        torch.save(value, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def run(stage: Stage, folder: Path, save_every: float = 60.0, sample_every: int = 250) -> None:
    """Train `stage` to its end, going on from `folder/<name>.pt` where there is one."""
    checkpoint, log = folder / f"{stage.name}.pt", folder / f"{stage.name}.losses.jsonl"
    done = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        stage.load(saved["state"])
        done = saved["done"]
    _forget_after(log, done)
    saved_at = time.monotonic()
    with tqdm(total=stage.steps, initial=done, desc=stage.name, unit="step", smoothing=0.02) as bar:
        for index in range(done, stage.steps):
            losses = stage.step(index)
            bar.update()
            bar.set_postfix({name: f"{value:.4f}" for name, value in losses.items()}, refresh=False)
            with log.open("a") as lines:
                lines.write(json.dumps({"step": index, **losses}) + "\n")
            last = index + 1 == stage.steps
            if last or time.monotonic() - saved_at > save_every:
                save_atomically({"done": index + 1, "state": stage.state()}, checkpoint)
                saved_at = time.monotonic()
            if last or (index + 1) % sample_every == 0:
                stage.sample(folder, index + 1)


def finished(stage: Stage, folder: Path) -> bool:
    checkpoint = folder / f"{stage.name}.pt"
    return checkpoint.exists() and torch.load(checkpoint, weights_only=True, mmap=True)["done"] >= stage.steps


def _forget_after(log: Path, done: int) -> None:
    """Drop the losses of steps that a resumed run makes again."""
    if log.exists():
        kept = [line for line in log.read_text().splitlines() if json.loads(line)["step"] < done]
        log.write_text("".join(line + "\n" for line in kept))


def warm_then_decay(index: int, steps: int, warm: int = 100, decay: float = 0.3) -> float:
    """Learning-rate factor: up over `warm` steps, flat, then down to zero over the last `decay` of all steps."""
    left = (steps - index) / (steps * decay)
    return min(1.0, (index + 1) / warm, left)


class Optimizer:
    """AdamW on fp32 weights with, if wanted, a bfloat16 copy that does the computing, and an average of the weights.

    bfloat16 halves the memory traffic of these narrow networks (measured on a 2-core AVX512-BF16 machine: 1.3× the
    samples per second of fp32).
    """

    def __init__(
        self, model: nn.Module, rate: float, *, compute: torch.dtype = torch.float32, average: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.01,
    ) -> None:  # fmt: skip
        self.model, self.rate, self.average = model, rate, average
        self._trained = [p for p in model.parameters() if p.requires_grad]
        self.master = [p.detach().float().clone().requires_grad_() for p in self._trained]
        self.mean = [p.detach().clone() for p in self.master]
        model.to(compute)
        self._adam = torch.optim.AdamW(self.master, lr=rate, betas=betas, weight_decay=weight_decay, foreach=True)
        self._steps = 0

    def step(self, factor: float, clip: float = 1.0) -> None:
        """Take one step from the gradients in the model, at `factor` times the rate."""
        for p, m in zip(self._trained, self.master, strict=True):
            m.grad = torch.zeros_like(m) if p.grad is None else p.grad.float()
            p.grad = None
        torch.nn.utils.clip_grad_norm_(self.master, clip)
        for group in self._adam.param_groups:
            group["lr"] = self.rate * factor
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        self._steps += 1
        with torch.no_grad():
            torch._foreach_copy_(self._trained, self.master)
            if self.average:
                keep = min(self.average, self._steps / (self._steps + 10))
                torch._foreach_lerp_(self.mean, self.master, 1 - keep)

    def use(self, dtype: torch.dtype, *, average: bool) -> None:
        """Put the fp32 weights (or their average) into the model as `dtype`."""
        self.model.to(dtype)
        with torch.no_grad():
            torch._foreach_copy_(self._trained, self.mean if average else self.master)

    def averaged(self, dtype: torch.dtype) -> AbstractContextManager[None]:
        """The model holds the averaged weights in fp32 within this block, and goes on in `dtype` after it."""
        return _Averaged(self, dtype) if self.average else nullcontext()

    def state(self) -> dict[str, Any]:
        return {"master": self.master, "mean": self.mean, "adam": self._adam.state_dict(), "steps": self._steps}

    def load(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.master, state["master"])
            torch._foreach_copy_(self.mean, state["mean"])
            torch._foreach_copy_(self._trained, self.master)
        self._adam.load_state_dict(state["adam"])
        self._steps = state["steps"]


class _Averaged(AbstractContextManager[None]):
    def __init__(self, optimizer: Optimizer, dtype: torch.dtype) -> None:
        self._optimizer, self._dtype = optimizer, dtype

    def __enter__(self) -> None:
        self._optimizer.use(torch.float32, average=True)

    def __exit__(self, *_: object) -> None:
        self._optimizer.use(self._dtype, average=False)


def to_tensor(pictures: Iterable[Any]) -> Tensor:
    """Pictures as (N, 3, H, W) float32 in −1…1."""
    pixels = np.stack([np.asarray(p) for p in pictures])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_grid(pictures: Tensor, columns: int, path: Path) -> None:
    """Write (N, 3, H, W) in −1…1 as one picture of rows of `columns`."""
    from PIL import Image

    pixels = pictures.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).numpy()
    rows = -(-len(pixels) // columns)
    height, width = pixels.shape[1:3]
    sheet = Image.new("RGB", (columns * (width + 2) - 2, rows * (height + 2) - 2), "white")
    for i, picture in enumerate(pixels):
        sheet.paste(Image.fromarray(picture), (i % columns * (width + 2), i // columns * (height + 2)))
    sheet.save(path)
