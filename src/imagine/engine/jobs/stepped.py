"""A picture that a family makes, an evaluation of its denoiser at a time: its passes and their conditioning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...words.errors import ImagineError, Unsupported
from ...words.upscalers import OF_LATENTS
from ..adapters.mix import NO_MIX, Mix
from ..adapters.opened import Opened
from ..execution.additions import Addition
from ..execution.shares import alone, in_shares
from ..families.enlarger import Enlarger
from ..families.family import Conditioning, Family, Timeline
from ..parts.autoencoder import Coded
from ..parts.part import at_work, spare
from ..parts.slices import Slices, T, during
from ..parts.strips import RESAMPLED, joined
from . import canvas as canvases
from .batch_key import BatchKey
from .buckets import Bucket
from .canvas import Canvas
from .controlling import Controlling
from .forward import Forward
from .inputs import canvas_of
from .ledger import Ledger
from .passes import (
    Pass,
    first_pass,
    mask_channels,
    second_pass,
    second_pass_steps,
    second_sampler,
    steps_run,
    with_mask,
)
from .prompts_at_steps import PromptsAtSteps
from .referring import Referring
from .work import Take


class Stepped:
    """A `Work` that shares its evaluations with others."""

    def __init__(
        self, ledger: Ledger, families: list[Family], prompts: PromptsAtSteps, forward: Forward, adapters: Opened,
        controls: Controlling, references: Referring, device: torch.device, enlarger: Enlarger | None = None,
    ) -> None:  # fmt: skip
        """`families` and `enlarger` are those of the ledger's `submit`; `forward` is shared by all that may share a
        batch."""
        self.ledger = ledger
        self._adapters, self._mix = adapters, NO_MIX
        self._families, self._forward, self._device = families, forward, device
        self._enlarger, self._prompts, self._controls, self._references = enlarger, prompts, controls, references
        self._is_shown = bool(ledger.submit.controls or ledger.submit.references)
        self._conditionings: list[Timeline] = []
        self._pass: Pass | None = None
        self._first: Pass | None = None

    @property
    def current(self) -> Pass:
        assert self._pass is not None, "the picture is not prepared"
        return self._pass

    @property
    def prepared(self) -> bool:
        return self._pass is not None

    @property
    def denoised(self) -> bool:
        return self.current.sampler.done

    @property
    def area(self) -> float:
        submit, params = self.ledger.submit, self.ledger.params
        if not self.prepared:
            return 0 if submit.img is None else params.width * params.height
        hires = params.hires
        scale = 1.0 if hires is None or self._first is not None or self._only_enlarged else hires.scale
        return self.canvas.work[0] * self.canvas.work[1] * scale**2

    @property
    def alone(self) -> bool:
        return self.ledger.alone

    @property
    def bucket(self) -> int:
        return self.ledger.bucket

    @property
    def size(self) -> canvases.PixelSize:
        canvas, hires = (self._first or self.current).canvas, self.ledger.params.hires
        return canvas.enlarged_sizes(hires.scale, 1)[0] if hires is not None and self._only_enlarged else canvas.size

    @property
    def _only_enlarged(self) -> bool:
        """Its second pass paints nothing, over a picture."""
        hires = self.ledger.params.hires
        return hires is not None and not hires.strength and hires.upscaler != OF_LATENTS

    @property
    def canvas(self) -> Canvas:
        return self.current.canvas

    @property
    def clean(self) -> Tensor | None:
        return self.current.clean

    @property
    def step(self) -> int:
        return self._first_steps + self.current.sampler.user_step

    @property
    def steps(self) -> int:
        params = self.ledger.params
        to_come = 0 if params.hires is None or self._first is not None else second_pass_steps(params, params.hires)
        return self._first_steps + self.current.sampler.steps + to_come

    def remaining(self, seconds: float | None) -> float | None:
        if seconds is None:
            return None
        params, sampler = self.ledger.params, self.current.sampler
        left = sampler.evaluations - sampler.index
        if params.hires is None or self._first is not None:
            return seconds * left
        second = second_sampler(params, params.hires, self.own, self.canvas).evaluations
        return seconds * (left + second * params.hires.scale**2)

    @property
    def _first_steps(self) -> int:
        return 0 if self._first is None else self._first.sampler.steps

    @property
    def turn(self) -> int:
        """Whose the next evaluation is: 0 the model's own, 1 the refiner's."""
        if len(self._families) < 2 or self.denoised:
            return 0
        sampler = self.current.sampler
        return int(sampler.timestep < (1 - self.ledger.params.refiner_at) * sampler.train_steps)

    @property
    def model(self) -> str:
        return self.ledger.models[self.turn]

    @property
    def own(self) -> Family:
        return self._families[0]

    @property
    def family(self) -> Family:
        """That of the next evaluation."""
        return self._families[self.turn]

    @property
    def mix(self) -> Mix:
        """The adapters of the next evaluation."""
        return self._mix if self._mix is NO_MIX or not self.turn else NO_MIX

    @property
    def additions(self) -> Sequence[Addition]:
        """What is beside the denoiser at the next evaluation, adapters apart."""
        if not self._is_shown or self.turn:
            return ()
        step, steps = self.current.sampler.user_step, self.current.sampler.steps
        return (*self._controls.at(step, steps), *self._references.at(step, steps))

    @property
    def conditioning(self) -> Conditioning:
        """That of the next evaluation."""
        return self._conditionings[self.turn].at(self.current.sampler.user_step)

    @property
    def key(self) -> BatchKey:
        turn, now = self.turn, self.current
        conditioning = self._conditionings[turn].at(now.sampler.user_step)
        shape = self._families[turn].shape(conditioning.positive)
        needs = (conditioning.negative is not None, 1 + len(conditioning.joined), shape)
        return BatchKey(self.ledger.models[turn], tuple(now.latents.shape[1:]), needs)

    def took(self, seconds: float) -> float | None:
        return seconds

    def close(self) -> None:
        pass

    def spare(self) -> Message | None:
        return next((done for family in self._families if (done := spare(family))), None)

    @property
    def share(self) -> int:
        """The rows of the shares that its next evaluation is made in; 0: its batch is made whole."""
        told = self.ledger.told
        return self.family.share(self.canvas.work, None if told is None else told.share)

    def _beside(self, share: int, slices: Slices[T]) -> Slices[T]:
        """The slices of what is done before evaluations in such shares, or behind them, without torch's threads if
        they are."""
        return during(alone, slices) if share else slices

    def prepare(self) -> Slices[None]:
        canvas, told = canvas_of(self.ledger.submit, self.own), self.ledger.told
        share = self.own.share(canvas.work, None if told is None else told.share)
        yield from self._beside(share, self._prepare(canvas))

    def _prepare(self, canvas: Canvas) -> Slices[None]:
        ledger, own = self.ledger, self.own
        params = ledger.params
        if any(family.space != own.space for family in self._families):
            raise Unsupported(message("refiner.other_latents", "refiner", value=params.refiner or ""))
        if params.hires is not None:
            second_sampler(params, params.hires, own, canvas)  # refused now, not after the first pass
        self._mix = yield from ledger.timing("encoding", self._adapters.mix(ledger.submit.adapters, own))
        ledger.warn(*self._mix.warnings)
        yield from ledger.timing("encoding", self._controls.open(own, canvas))
        ledger.warn(*canvas.notes, *(note for family in self._families for note in family.warnings))
        strength = params.strength if canvas.source is not None else 1.0
        yield from ledger.timing("encoding", self._condition(canvas, steps_run(params.num_steps, strength)))
        sided = self._conditionings[0].at(0).negative is not None
        yield from ledger.timing("encoding", self._references.open(own, sided=sided))
        ledger.warn(*self._references.lay(canvas, own.downscale, steps_run(params.num_steps, strength)))
        begun = first_pass(params, own, canvas, self._encode, self._device)
        self._pass = yield from ledger.timing("encoding", begun)

    def _condition(self, canvas: Canvas, steps: int, before: int = 0) -> Slices[None]:
        """Encode the prompts, and lay out the maps of controls, for a pass of so many of the user's steps, with so many
        in the pass before it."""
        self._conditionings = []
        self.ledger.warn(*(yield from self._controls.lay(canvas, steps)))
        for family in self._families:
            channels = (yield from mask_channels(family, canvas, self._encode)) if family.takes_mask else None
            with at_work(family.parts("encode")):
                mix = self._mix if family is self.own else NO_MIX
                encoded = self._prompts.encoded(family, canvas.work, mix, steps, before)
            self.ledger.warn(*(note for _, conditioning in encoded for note in conditioning.warnings))
            self._conditionings.append(
                Timeline(encoded if channels is None else [(end, with_mask(made, channels)) for end, made in encoded])
            )

    def inputs(self) -> tuple[Tensor, Tensor]:
        return self.current.inputs()

    def evaluate(self, together: Sequence[Stepped], bucket: int) -> Sequence[Take] | None:
        ran = Bucket(bucket, self.share)
        with in_shares(ran.share):
            answers = self._forward.run(together, bucket)
        if answers is None:
            return None
        return [
            partial(picture.advance, negative, positives, ran)
            for picture, (negative, positives) in zip(together, answers, strict=True)
        ]

    @torch.inference_mode()
    def advance(self, negative: Tensor | None, positives: Sequence[Tensor], bucket: Bucket) -> bool:
        """Take the denoiser's answers for this picture's rows; says whether one of the user's steps was completed."""
        before = self.step
        if self._is_shown:
            self._controls.check()
        self.current.advance(self._prompts.guided(self.family, negative, positives))
        self.ledger.buckets.append(bucket)
        return self.step != before

    def develop(self) -> Slices[Image.Image | None]:
        params, first, ran = self.ledger.params, self.current, self.ledger.buckets
        hires, share = params.hires, ran[-1].share if ran else self.own.share(self.canvas.work)
        if hires is None or self._first is not None:
            return (yield from self._beside(share, self._developed()))
        picture = None if hires.upscaler == OF_LATENTS else (yield from self._beside(share, self._developed()))
        canvas = first.canvas.enlarged(hires.scale, self.own.multiple)
        if picture is not None:
            picture = yield from self.ledger.timing("upscaling", self._enlarged(picture, canvas.size, hires.upscaler))
            if self._only_enlarged:
                return canvas.over_source(picture)
        conditions = self._condition(canvas, second_pass_steps(params, hires), first.sampler.steps)
        yield from self._beside(share, self.ledger.timing("encoding", conditions))
        self.ledger.warn(*self._references.lay(canvas, self.own.downscale, second_pass_steps(params, hires)))
        second = second_pass(params, hires, self.own, canvas, first, picture, self._encode)
        self._pass = yield from self._beside(share, self.ledger.timing("encoding", second))
        self._first = first
        return None

    def _enlarged(self, picture: Image.Image, size: canvases.PixelSize, upscaler: str) -> Slices[Image.Image]:
        if self._enlarger is None:
            return picture.resize(size, RESAMPLED[upscaler])
        if (note := self._enlarger.note(picture.size, size)) is not None:
            self.ledger.warn(note)
        return (yield from joined(self._enlarger.strips(picture, size, tiled=self.ledger.tiled), size))

    def _developed(self) -> Slices[Image.Image]:
        now = self.current
        if not now.sampler.evaluations and now.untouched is not None:
            return now.untouched
        return (yield from self.ledger.timing("decoding", self._decoded(now)))

    def _decoded(self, now: Pass) -> Slices[Image.Image]:
        if not bool(torch.isfinite(now.latents).all()):
            raise ImagineError(message("model.overflowed", dtype=self.own.dtype))
        pixels = self._heard((yield from self.own.decode(now.latents, tiled=self.ledger.tiled)))
        if not bool(torch.isfinite(pixels).all()):
            raise ImagineError(message("vae.broken"))
        return now.canvas.finish(canvases.picture_from_pixels(pixels))

    def _encode(self, pixels: Tensor) -> Slices[Tensor]:
        return self._heard((yield from self.own.encode_picture(pixels, tiled=self.ledger.tiled)))

    def _heard(self, coded: Coded) -> Tensor:
        if coded.warning is not None:
            self.ledger.warn(coded.warning)
        return coded.values
