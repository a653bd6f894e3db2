"""A picture that a whole pipeline makes: what the engine asks of a `Job`, answered by a `Run`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ...messages import Note, message
from ...words.errors import Unsupported, without_folders
from ...words.frames import Submit
from ...words.recipe import GenerationParams
from ..parts.part import spare
from ..parts.prompt_schedule import edits
from ..parts.prompt_tags import without_tags
from ..parts.slices import Slices, in_one
from ..whole.pipeline import Run, Whole
from . import canvas as canvases
from .canvas import Canvas
from .job import Decode, Job

_OWN_SAMPLER = "dpm++ 2m"
"""What a recipe says where nobody asked for a sampler: no reason to warn."""


class WholeJob(Job):
    """Steps alone. Memory that runs short begins its run again, from the same seed."""

    def __init__(self, submit: Submit, number: int) -> None:
        super().__init__(submit, number)
        self._model: Whole | None = None
        self._canvas: Canvas | None = None
        self._wanted: dict[str, Any] = {}
        self._run: Run | None = None
        self._completed = False
        """The last turn came to the end of a step."""
        self._seconds = 0.0
        """What the step that goes on took so far."""

    @property
    def alone(self) -> bool:
        return True

    @property
    def bucket(self) -> int:
        return 1

    @property
    def own(self) -> Whole:  # type: ignore[override]
        assert self._model is not None, "the job is not prepared"
        return self._model

    @property
    def canvas(self) -> Canvas:
        assert self._canvas is not None, "the job is not prepared"
        return self._canvas

    @property
    def prepared(self) -> bool:
        return self._canvas is not None

    @property
    def denoised(self) -> bool:
        return self._run is not None and self._run.picture is not None

    @property
    def size(self) -> canvases.Size:
        return self.canvas.size

    @property
    def step(self) -> int:
        return 0 if self._run is None else self._run.step

    @property
    def steps(self) -> int:
        return (self._run and self._run.steps) or self.params.num_steps

    @property
    def clean(self) -> Tensor | None:
        """What a preview can show; None where there is nothing."""
        clean = None if self._run is None else self._run.clean
        return clean if self.own.shows(clean) else None

    @property
    def key(self) -> tuple[object, ...]:
        width, height = self.canvas.work
        return (self.models[0], (0, height // self.own.downscale, width // self.own.downscale), "whole")

    def remaining(self, seconds: float) -> float:
        return seconds * max(0, self.steps - self.step)

    def spare(self) -> Note | None:
        return spare(self.own)

    def close(self) -> None:
        if self._run is not None:
            self._run.stop()

    def prepare_whole(self, model: Whole, pictures: Decode) -> None:
        """Set the run up. Raises Unsupported on what such a pipeline can't do."""
        self._model = model
        params = self.params
        _refuse(params)
        source = pictures(self.submit.img, "img") if self.submit.img is not None else None
        mask = pictures(self.submit.mask, "mask") if self.submit.mask is not None else None
        canvas = canvases.plan(
            params.width, params.height, fit=params.fit, native=model.native, multiple=model.multiple, source=source,
            mask=mask, resize=params.resize, extend=params.extend,
        )  # fmt: skip
        self._warnings += canvas.notes
        if canvas.soft:
            self._warnings.append(message("mask.halved", "mask"))
            canvas = replace(canvas, soft=False)
        self._wanted = _wanted(params, canvas)
        self._run = self._begun(model)
        self._canvas = canvas
        for field, text in (("prompt", params.prompt), ("neg", params.neg)):
            self._warnings += without_tags(text, field)[1]
            if edits(text):
                self._warnings.append(message("prompt.not_edited", field))
        if model.warning is not None:
            self.warn(model.warning)
        for field, argument, said in (
            ("prompt", "prompt", bool(params.prompt)),
            ("neg", "negative_prompt", bool(params.neg)),
            ("clip", "clip_skip", params.clip > 1),
        ):
            if said and not model.accepts(argument):
                self.warn(message("no_effect.pipeline", field, pipeline=model.name))
        if params.sampler != _OWN_SAMPLER or params.schedule != "default":
            self.warn(message("no_effect.own_sampler", "sampler", pipeline=model.name))

    def evaluate(self, turn: float) -> bool:
        """Run for about `turn` seconds, at most to the end of a step; says whether one of the user's was completed."""
        before = self.step
        if self._run is None:
            self._run = self._begun(self.own)
        try:
            self._run.advance(turn)
        except (ValueError, TypeError) as error:  # a pipeline looks at what it is given before its first step
            self._run = None
            if before:
                raise
            why = without_folders(" ".join(str(error).split()))[:300]
            raise Unsupported(message("pipeline.refuses", None, pipeline=self.own.name, why=why)) from error
        except BaseException:
            self._run = None
            raise
        self._completed = self.step != before
        if self._completed:
            self.buckets.append(1)
        return self._completed

    def took(self, seconds: float) -> float | None:
        self._seconds += seconds
        if not self._completed:
            return None
        took, self._seconds = self._seconds, 0.0
        return took

    def _begun(self, model: Whole) -> Run:
        return model.run({**self._wanted, "generator": torch.Generator("cpu").manual_seed(self.params.seed)})

    def develop(self) -> Slices[Image.Image | None]:
        return in_one(self._finished)

    def _finished(self) -> Image.Image:
        picture = None if self._run is None else self._run.picture
        assert picture is not None, "the run has not ended"
        return self.canvas.finish(picture)


def _refuse(params: GenerationParams) -> None:
    for field in ("hires", "vae", "refiner"):
        if getattr(params, field) is not None:
            raise Unsupported(message("whole.nowhere", field))


def _wanted(params: GenerationParams, canvas: Canvas) -> dict[str, Any]:
    """Arguments as diffusers' pipelines name them; those that a pipeline doesn't know are left out by `run`."""
    width, height = canvas.work
    wanted: dict[str, Any] = {
        "prompt": without_tags(params.prompt, "prompt")[0], "width": width, "height": height,
        "num_inference_steps": params.num_steps,
        "guidance_scale": params.guidance,
    }  # fmt: skip
    if params.neg:
        wanted["negative_prompt"] = without_tags(params.neg, "neg")[0]
    if params.clip > 1:
        wanted["clip_skip"] = params.clip - 1
    if canvas.source is not None:
        wanted |= {"image": canvas.laid_out(canvas.source), "strength": params.strength}
    if canvas.mask is not None:
        wanted["mask_image"] = canvas.laid_out(canvas.mask)
    return wanted
