"""A LoRA from its pictures to its file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import torch

from ..engine.device.device import Device
from ..engine.device.memory import Shortage
from ..engine.execution.execution import Eager
from ..engine.families.family import Family
from ..engine.families.table import OPENERS
from ..engine.loading.width import unet_width
from ..engine.parts.denoiser import DenoiserPart
from ..engine.quantised.tensor import dequantise
from ..engine.sampling.noise import Noise
from ..families.table import facts_of
from ..files.folders import make_own
from ..files.writing import write_atomically
from ..messages import message
from ..pictures.images import encode
from ..processes.main_memory import available
from ..words.errors import OutOfMemory, Unsupported
from ..words.frames import WorkerSettings
from ..words.training import (
    AnyTrainerReport,
    Assignment,
    PicturesEncoded,
    SampleDrawn,
    StepTaken,
    StepTried,
    Training,
    TrainingDone,
    TrainingOpened,
    TrainingPaused,
)
from .learners import Learner, beside
from .loop import random_numbers, resume, run, torch_numbers
from .lora_file import write_lora
from .lora_stage import LoraStage
from .pictures import Lessons
from .place import alone_in, refuse_another
from .remembering import remember_less
from .samples import SamplePainter
from .trainable import TRAINABLE

Say = Callable[[AnyTrainerReport], None]
LARGE = 256
"""Channels of a denoiser that takes much memory."""
RATE = 1e-4
"""Of learning, for a network of its family's `width`. A narrower one bears more, by their ratio (Yang et al. 2022,
https://arxiv.org/abs/2203.03466)."""
_AREA, _MOST_BATCH = 512 * 512, 8
_SPARE = 12 * 2**30
"""Bytes of main memory below which what a large network computed is computed again on the way back, not remembered."""


def train(
    given: Assignment, say: Say, stopping: Callable[[], bool], clock: Callable[[], float] = time.monotonic
) -> None:
    """Trains what is `given`, from where it was left. Raises ImagineError, OSError."""
    with alone_in(make_own(Path(given.folder)), given.training.name):
        _train(given, say, stopping, clock)


def _train(given: Assignment, say: Say, stopping: Callable[[], bool], clock: Callable[[], float]) -> None:
    training, folder = given.training, Path(given.folder)
    checkpoint, of = folder / "state.safetensors", fingerprint(training)
    if not given.anew:
        refuse_another(checkpoint, of, training.name)
    device = Device(WorkerSettings(device=given.device, state=given.state))
    family = _opened(training, device, say)
    painter = SamplePainter(family, training.pictures[0].caption, _noise(family), device.torch)
    pictures = len(training.pictures)

    def tell(done: int) -> None:
        say(PicturesEncoded(done=done, pictures=pictures))

    lessons = Lessons(family, training.pictures, flip=training.flip, tell=tell)
    row = TRAINABLE[training.model.family]
    generator = torch_numbers(random_numbers(training.seed, "beginning", 0))
    paths = beside(family.networks["denoiser"], training.rank, generator, row.layers)
    width = next(iter(paths.values())).taken if not row.kohya else unet_width(training.model.main)
    _make_room(family, device, width)
    stage = LoraStage(
        family, lessons, paths, noise=_noise(family), steps=training.steps, seed=training.seed,
        batch=training.batch or max(1, min(_MOST_BATCH, pictures, _AREA // family.native**2)),
        rate=training.rate or RATE * max(1.0, row.width / width),
    )  # fmt: skip
    done = resume(stage, checkpoint, of)
    say(_tried(stage, done, device, family, clock))
    watcher = _Listener(say, stopping, painter, paths, folder, training.steps, given.samples)
    done = run(stage, done, checkpoint, of, watcher, clock)
    if done < training.steps:
        say(TrainingPaused(step=done))
        return
    target = Path(given.target)
    make_own(target.parent)
    size = write_lora(target, paths, training, family.native)
    checkpoint.unlink(missing_ok=True)
    say(TrainingDone(size=size))


def fingerprint(training: Training) -> str:
    """Of all that decides what is learned: who goes on where another left off has the same."""
    return hashlib.sha256(msgspec.json.encode(training, order="deterministic")).hexdigest()


class _Listener:
    """Tells of each step, and draws a picture every so often."""

    def __init__(
        self, say: Say, stopping: Callable[[], bool], painter: SamplePainter, paths: dict[str, Learner], folder: Path,
        steps: int, samples: int,
    ) -> None:  # fmt: skip
        self._say, self.stopping, self._painter, self._paths, self._folder = say, stopping, painter, paths, folder
        self._moments = {steps * (i + 1) // samples for i in range(samples)}

    def stepped(self, done: int, losses: dict[str, float]) -> None:
        self._say(StepTaken(step=done, loss=losses["loss"]))
        if done in self._moments:
            path = self._folder / f"{done:05d}.png"
            write_atomically(path, encode(self._painter.paint(self._paths)))
            self._say(SampleDrawn(path=str(path)))


def _opened(training: Training, device: Device, say: Say) -> Family:
    model = training.model
    if model.family not in TRAINABLE or model.main.format != "safetensors":
        known = ", ".join(TRAINABLE)
        raise Unsupported(message("train.family", "model", name=model.name, family=model.family, known=known))
    facts = facts_of(model.family)
    family = OPENERS[model.family](model, facts, device, lambda fraction: say(TrainingOpened(fraction=fraction)), {})
    denoiser = _denoiser(family)
    if family.takes_mask or family.takes_map:
        raise Unsupported(message("train.inpainting", "model", name=model.name))
    dequantise(denoiser.module)
    denoiser.execution = Eager(denoiser.module, denoiser.call)  # of layers laid out for oneDNN there are no gradients
    return family


def _denoiser(family: Family) -> DenoiserPart:
    (denoiser,) = family.parts("denoise")
    assert isinstance(denoiser, DenoiserPart), "these families have one"
    return denoiser


def _noise(family: Family) -> Noise:
    return family.noise((family.native, family.native), 1)


def _make_room(family: Family, device: Device, width: int) -> None:
    """What has done its work leaves an accelerator, and a large network remembers less where main memory is short."""
    if device.torch.type != "cpu":
        for part in family.parts("encode"):
            part.spare()
        device.release()
    elif width >= LARGE and available() < _SPARE:
        remember_less(_denoiser(family).module)


def _tried(stage: LoraStage, done: int, device: Device, family: Family, clock: Callable[[], float]) -> StepTried:
    """A step that changes nothing, measured. Raises OutOfMemory where there is no room for one."""
    seconds = _seconds(stage, done, device, clock)
    if seconds is None:
        remember_less(_denoiser(family).module)
        device.release()
        seconds = _seconds(stage, done, device, clock)
    if seconds is None:
        raise OutOfMemory(message("train.memory"))
    return StepTried(
        device=str(device.torch), dtype=family.dtype, memory=_memory(device), seconds=seconds, done=done,
        parameters=stage.parameters, batch=stage.batch,
    )  # fmt: skip


def _seconds(stage: LoraStage, done: int, device: Device, clock: Callable[[], float]) -> float | None:
    """The second of two steps; None where memory ran out."""
    took = None
    with Shortage():
        for _ in range(2):
            begun = clock()
            stage.try_step(done)
            device.synchronize()
            took = clock() - begun
    stage.forget()
    return took


def _memory(device: Device) -> int:
    """Bytes that it took at most so far: of the accelerator, or of main memory."""
    if device.torch.type == "cuda":
        return torch.cuda.max_memory_allocated(device.torch)
    if device.torch.type == "mps":
        return torch.mps.driver_allocated_memory()
    return psutil.Process().memory_info().rss
