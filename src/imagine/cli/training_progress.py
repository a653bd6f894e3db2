"""How far a training is, on stderr: what it takes, a line that moves on a terminal, and one now and then elsewhere."""

from __future__ import annotations

import shlex
import time

from ..words.training import (
    AnyTrainerReport,
    Assignment,
    PicturesEncoded,
    SampleDrawn,
    StepTaken,
    StepTried,
    TrainingDone,
    TrainingOpened,
)
from .console import note, printable
from .progress import MovingLine
from .table import counted, size_of, span

_LINES = 10
"""Where no line can move, so many are written."""
_SMOOTH = 0.05


class TrainingProgress(MovingLine):
    """Of one training."""

    def __init__(self, given: Assignment) -> None:
        super().__init__("opening the model")
        self._training = given.training
        self._loss: float | None = None
        self._seconds, self._last = 0.0, 0.0

    def show(self, said: AnyTrainerReport) -> None:
        """Take in what the trainer says."""
        match said:
            case TrainingOpened():
                self.move("opening the model", f"{said.fraction:.0%}")
            case PicturesEncoded():
                self.move("looking at the pictures", "", said.done, said.pictures)
            case StepTried():
                self._told(said)
            case StepTaken():
                self._stepped(said)
            case SampleDrawn():
                note(f"a sample: {said.path}")

    def end(self, said: TrainingDone) -> None:
        """It is done."""
        name, word = printable(self._training.name), printable(self._training.word)
        note(f'{size_of(said.size)}. Say {word!r} in a prompt: imagine run "{word} …" --lora {shlex.quote(name)}')

    def _told(self, tried: StepTried) -> None:
        left = self._training.steps - tried.done
        self._seconds, whole = tried.seconds, left * tried.seconds
        already = f"{counted(tried.done, 'step')} done. " if tried.done else ""
        size, device = counted(tried.batch, "picture"), f"{tried.dtype} on {tried.device}"
        note(
            f"{already}{tried.parameters:,} numbers to learn, {size} a step, {device}: {size_of(tried.memory)} "
            f"of memory; {counted(left, 'step')} of {tried.seconds:.3g} s, "
            f"{'about ' if whole >= 60 else ''}{span(whole)}. Ctrl-C stops it, and the same command goes on."
        )
        self._last = time.monotonic()

    def _stepped(self, said: StepTaken) -> None:
        steps, now = self._training.steps, time.monotonic()
        self._seconds += _SMOOTH * (now - self._last - self._seconds)
        self._last = now
        self._loss = said.loss if self._loss is None else self._loss + _SMOOTH * (said.loss - self._loss)
        left = f"loss {self._loss:.4f}  {span((steps - said.step) * self._seconds)} left"
        self.move("learning", left, said.step, steps)
        if not self.moves and said.step * _LINES // steps > (said.step - 1) * _LINES // steps:
            note(f"step {said.step} of {steps}: {left}")
