"""A picture that a whole pipeline makes: its own loop, run on a step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ...families.table import facts_of
from ...messages import Message, message
from ...words.conjuncts import conjuncts
from ...words.errors import Unsupported, without_folders
from ...words.frames import Submit
from ...words.recipe import GenerationParams
from ..device.memory import Shortage
from ..parts.part import spare
from ..parts.prompt_schedule import edits
from ..parts.slices import Slices, in_one
from ..whole.pipeline import Whole
from ..whole.run import Run
from . import canvas as canvases
from .batch_key import BatchKey
from .buckets import Bucket
from .canvas import Canvas
from .inputs import canvas_of
from .ledger import Ledger
from .work import Take

_UNASKED = "dpm++ 2m"
"""What a recipe says where nobody asked for a sampler, and its family names none: no reason to warn."""

_SECOND = "true_cfg_scale"
"""What guidance by a second row is called where a pipeline may be told another."""

_ALWAYS_AWAY = frozenset({"kolors"})
"""Families whose pipeline (diffusers 0.42) fails where it isn't given a text to keep from, if an empty one."""


class WholeRun:
    """A `Work` that steps alone. Memory that runs short begins its run again, from the same seed."""

    alone, bucket = True, 1

    def __init__(self, ledger: Ledger, model: Whole, turn: float) -> None:
        """`turn`: seconds after which an evaluation pauses, for others to have the device."""
        self.ledger, self.own = ledger, model
        self._turn = turn
        self._canvas: Canvas | None = None
        self._arguments: dict[str, Any] = {}
        self._run: Run | None = None
        self._completed = False
        """The last turn came to the end of a step."""
        self._seconds = 0.0
        """What the step that goes on took so far."""

    @property
    def canvas(self) -> Canvas:
        assert self._canvas is not None, "the picture is not prepared"
        return self._canvas

    @property
    def prepared(self) -> bool:
        return self._canvas is not None

    @property
    def denoised(self) -> bool:
        return self._run is not None and self._run.picture is not None

    @property
    def area(self) -> float:
        submit, params = self.ledger.submit, self.ledger.params
        if not self.prepared:
            return 0 if submit.img is None else params.width * params.height
        return self.canvas.work[0] * self.canvas.work[1]

    @property
    def size(self) -> canvases.PixelSize:
        return self.canvas.size

    @property
    def step(self) -> int:
        return 0 if self._run is None else self._run.step

    @property
    def steps(self) -> int:
        return (self._run and self._run.steps) or self.ledger.params.num_steps

    @property
    def painted(self) -> float:
        return self.step / self.steps

    @property
    def clean(self) -> Tensor | None:
        clean = None if self._run is None else self._run.clean
        return clean if self.own.shows(clean) else None

    @property
    def model(self) -> str:
        return self.ledger.models[0]

    @property
    def key(self) -> BatchKey:
        width, height = self.canvas.work
        return BatchKey(self.model, (0, height // self.own.downscale, width // self.own.downscale), "whole")

    def remaining(self, seconds: float | None) -> float | None:
        return None if seconds is None else seconds * max(0, self.steps - self.step)

    def spare(self) -> Message | None:
        return spare(self.own)

    def close(self) -> None:
        if self._run is not None:
            self._run.stop()

    def prepare(self) -> Slices[None]:
        return in_one(self._prepare)

    def _prepare(self) -> None:
        """Set the run up."""
        params, model = self.ledger.params, self.own
        _refuse(self.ledger.submit)
        canvas = canvas_of(self.ledger.submit, model)
        self.ledger.warn(*canvas.notes)
        if canvas.soft:
            self.ledger.warn(message("mask.halved", "mask"))
            canvas = replace(canvas, soft=False)
        self._arguments = _arguments(params, canvas, model, self.ledger.submit.model.family)
        self._run = self._begun()
        self._canvas = canvas
        self.ledger.warn(*_without_effect(params, model))

    def evaluate(self, _: Sequence[WholeRun], bucket: int) -> Sequence[Take] | None:
        with Shortage():
            before = self.step
            self._advance()
            self._completed = self.step != before
            return [lambda: self._take(bucket)]
        return None

    def _take(self, bucket: int) -> bool:
        if self._completed:
            self.ledger.buckets.append(Bucket(bucket))
        return self._completed

    def _advance(self) -> None:
        """Run on for about a turn, at most to the end of a step."""
        if self._run is None:
            self._run = self._begun()
        before = self.step
        try:
            self._run.advance(self._turn)
        except (ValueError, TypeError, IndexError) as error:
            self._run = None  # a pipeline looks at what it is given before its first step
            if before:
                raise
            why = without_folders(" ".join(str(error).split()))[:300]
            raise Unsupported(message("pipeline.refuses", None, pipeline=self.own.name, why=why)) from error
        except BaseException:
            self._run = None
            raise

    def took(self, seconds: float) -> float | None:
        self._seconds += seconds
        if not self._completed:
            return None
        took, self._seconds = self._seconds, 0.0
        return took

    def _begun(self) -> Run:
        generator = torch.Generator("cpu").manual_seed(self.ledger.params.seed)
        return self.own.run({**self._arguments, "generator": generator})

    def develop(self) -> Slices[Image.Image | None]:
        return in_one(self._finished)

    def _finished(self) -> Image.Image:
        picture = None if self._run is None else self._run.picture
        assert picture is not None, "the run has not ended"
        return self.canvas.finish(picture)


def _refuse(submit: Submit) -> None:
    for field in ("hires", "vae", "text_encoders", "refiner", "references"):
        if getattr(submit.params, field):
            raise Unsupported(message("whole.nowhere", field))
    for field, plain in (("tiling", False), ("noise", "own"), ("seed_width", None), ("sampler_options", None)):
        if getattr(submit.params, field) != plain:
            raise Unsupported(message("whole.nowhere", field))
    if submit.params.mask_fill in ("noise", "nothing"):
        raise Unsupported(message("whole.nowhere", "mask_fill"))
    if submit.adapters:
        raise Unsupported(message("whole.nowhere", "loras"))


def _without_effect(params: GenerationParams, model: Whole) -> list[Message]:
    """What was asked for that such a pipeline can't heed."""
    notes: list[Message] = []
    for field, text in (("prompt", params.prompt), ("neg", params.neg)):
        if edits(text):
            notes.append(message("prompt.not_edited", field))
    if params.embeddings:
        notes.append(message("embedding.whole", "prompt", names=", ".join(params.embeddings)))
    if len(conjuncts(params.prompt)) > 1:
        notes.append(message("prompt.not_joined", "prompt"))
    if model.warning is not None:
        notes.append(model.warning)
    for field, argument, requested in (
        ("prompt", "prompt", bool(params.prompt)),
        ("neg", "negative_prompt", bool(params.neg)),
        ("clip", "clip_skip", params.clip > 1),
        ("true_cfg", _SECOND, params.true_cfg > 1),
    ):
        if requested and not model.accepts(argument):
            notes.append(message("no_effect.pipeline", field, pipeline=model.name))
    if params.sampler not in (_UNASKED, model.sampler) or params.schedule != "default":
        notes.append(message("no_effect.own_sampler", "sampler", pipeline=model.name))
    return notes


def _arguments(params: GenerationParams, canvas: Canvas, model: Whole, family: str) -> dict[str, Any]:
    """Arguments as diffusers' pipelines name them; those that a pipeline doesn't know are left out by `run`."""
    width, height = canvas.work
    arguments: dict[str, Any] = {
        "prompt": params.prompt, "width": width, "height": height,
        "num_inference_steps": params.num_steps,
        "guidance_scale": params.guidance,
    }  # fmt: skip
    if model.accepts(_SECOND):  # which it heeds where it has something to keep from, if only nothing
        scale = params.true_cfg if facts_of(family).takes_number("") else params.guidance
        arguments |= {_SECOND: scale} | ({"negative_prompt": " "} if scale > 1 else {})
    if params.neg or family in _ALWAYS_AWAY:
        arguments["negative_prompt"] = params.neg
    if params.clip > 1:
        arguments["clip_skip"] = params.clip - 1
    if canvas.source is not None:
        begun = canvas.filled() if params.mask_fill == "fill" else canvas.source
        arguments |= {"image": canvas.laid_out(begun), "strength": params.strength}
    if canvas.mask is not None:
        arguments["mask_image"] = canvas.laid_out(canvas.mask)
    return arguments
