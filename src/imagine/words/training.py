"""What a trainer is told, and what it says: a line of JSON each, over its pipes."""

from __future__ import annotations

import msgspec

from ..messages import Message
from .model import Model


class TrainingPicture(msgspec.Struct, frozen=True):
    """A picture to learn from, and the words for it."""

    path: str
    caption: str


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRA to be trained. Two that are equal learn the same, step by step."""

    name: str
    word: str
    """What a prompt calls it by."""
    model: Model
    pictures: tuple[TrainingPicture, ...]
    steps: int
    rank: int
    rate: float | None = None
    """Of learning; None: by the width of the model."""
    batch: int | None = None
    """Pictures a step; None: by their size."""
    flip: bool = False
    """Learn from mirrored pictures too."""
    seed: int = 0


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A training, where its state is kept and its LoRA goes, and on which device."""

    training: Training
    folder: str
    target: str
    samples: int
    """Pictures to draw on the way."""
    device: str
    state: str
    """A folder for what is decided once per machine and model."""
    anew: bool = False
    """What was learned by another training of this name may go."""


class TrainerReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What a trainer says."""


class TrainingOpened(TrainerReport, frozen=True, tag="opened"):
    """So much of the model is there, 0…1."""

    fraction: float


class PicturesEncoded(TrainerReport, frozen=True, tag="encoded"):
    """So many of the pictures are latents."""

    done: int
    pictures: int


class StepTried(TrainerReport, frozen=True, tag="tried"):
    """What one step takes, as measured: bytes at most, and seconds. `done` steps were taken before."""

    device: str
    dtype: str
    memory: int
    seconds: float
    done: int
    parameters: int
    batch: int


class StepTaken(TrainerReport, frozen=True, tag="stepped"):
    """A step was taken."""

    step: int
    loss: float


class SampleDrawn(TrainerReport, frozen=True, tag="sampled"):
    """A picture shows how far it is."""

    path: str


class TrainingDone(TrainerReport, frozen=True, tag="trained"):
    """The LoRA is written."""

    size: int


class TrainingPaused(TrainerReport, frozen=True, tag="paused"):
    """It was asked to end; what was learned is kept."""

    step: int


class TrainingFailed(TrainerReport, frozen=True, tag="not_trained"):
    """Why it can't go on; what was learned is kept."""

    why: Message
    refused: bool = False
    """The same would fail again."""


AnyTrainerReport = (
    TrainingOpened
    | PicturesEncoded
    | StepTried
    | StepTaken
    | SampleDrawn
    | TrainingDone
    | TrainingPaused
    | TrainingFailed
)
_encoder = msgspec.json.Encoder()
_said: msgspec.json.Decoder[AnyTrainerReport] = msgspec.json.Decoder(AnyTrainerReport)


def line(value: AnyTrainerReport | Assignment) -> bytes:
    """As a line."""
    return _encoder.encode(value) + b"\n"


def said(text: bytes) -> AnyTrainerReport:
    """What such a line says. Raises msgspec.DecodeError."""
    return _said.decode(text)


def assignment(text: bytes) -> Assignment:
    """The first line that a trainer reads. Raises msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Assignment)
