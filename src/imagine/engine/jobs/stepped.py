"""A picture that a family makes, an evaluation of its denoiser at a time, in one pass or two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...words.errors import Unsupported
from ...words.upscalers import OF_LATENTS
from ..adapters.mix import NO_MIX, Mix
from ..execution.additions import Addition
from ..execution.shares import in_shares
from ..families.family import Conditioning, Family
from ..parts.part import spare
from ..parts.slices import Slices, T, during
from ..threads.alone import alone
from .batch_key import BatchKey
from .buckets import Bucket
from .canvas import Canvas, PixelSize
from .conditioned import Conditioned
from .forward import Forward
from .inputs import canvas_of
from .ledger import Ledger
from .passes import Pass, first_pass, first_pass_steps, second_pass, second_pass_steps, second_sampler
from .picture_coder import PictureCoder
from .work import Take


class Stepped:
    """A `Work` that shares its evaluations with others."""

    def __init__(
        self, ledger: Ledger, families: list[Family], conditioned: Conditioned, coder: PictureCoder, forward: Forward,
        device: torch.device,
    ) -> None:  # fmt: skip
        """`families` are those of the ledger's `submit`; `forward` is shared by all that may share a batch."""
        self.ledger = ledger
        self._families, self._conditioned, self._coder = families, conditioned, coder
        self._forward, self._device = forward, device
        self.wraps = ledger.params.tiling
        """Its edges meet."""
        self._pass: Pass | None = None
        self._first: Pass | None = None
        self._steps_before = 0
        """The user's steps of the first pass, where the second runs."""

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
    def size(self) -> PixelSize:
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
        return self._steps_before + self.current.sampler.user_step

    @property
    def steps(self) -> int:
        params, to_come = self.ledger.params, 0
        if params.hires is not None and self._first is None:
            to_come = second_pass_steps(params, params.hires, self.own, self.canvas)
        return self._steps_before + self.current.sampler.steps + to_come

    @property
    def painted(self) -> float:
        sampler = self.current.sampler
        return sampler.user_step / sampler.steps if sampler.steps else 1.0

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
        mix = self._conditioned.mix
        return mix if mix is NO_MIX or not self.turn else NO_MIX

    @property
    def additions(self) -> Sequence[Addition]:
        """What is beside the denoiser at the next evaluation, adapters apart."""
        beside = self._conditioned
        if not beside.shown or self.turn:
            return ()
        step, steps = self.current.sampler.user_step, self.current.sampler.steps
        sided = self.conditioning.negative is not None
        return (*beside.controls.at(step, steps, sided=sided), *beside.references.at(step, steps))

    @property
    def conditioning(self) -> Conditioning:
        """That of the next evaluation."""
        return self._conditioned.timelines[self.turn].at(self.current.sampler.user_step)

    @property
    def key(self) -> BatchKey:
        turn, now = self.turn, self.current
        conditioning = self._conditioned.timelines[turn].at(now.sampler.user_step)
        shape = self._families[turn].shape(conditioning.positive)
        needs = (conditioning.negative is not None, 1 + len(conditioning.joined), shape)
        return BatchKey(self.ledger.models[turn], tuple(now.latents.shape[1:]), needs, self.wraps)

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
        """What is done before evaluations in such shares, or behind them: without torch's threads if they are."""
        return during(alone, slices) if share else slices

    def prepare(self) -> Slices[None]:
        canvas, told = canvas_of(self.ledger.submit, self.own), self.ledger.told
        share = self.own.share(canvas.work, None if told is None else told.share)
        yield from self._beside(share, self._prepare(canvas))

    def _prepare(self, canvas: Canvas) -> Slices[None]:
        ledger, own, conditioned = self.ledger, self.own, self._conditioned
        params, encode = ledger.params, self._coder.encoded
        if any(family.space != own.space for family in self._families):
            raise Unsupported(message("refiner.other_latents", "refiner", value=params.refiner or ""))
        if any(family.embedder is not None for family in self._families[1:]):
            raise Unsupported(message("refiner.shown", "refiner", value=params.refiner or ""))
        if params.hires is not None:
            second_sampler(params, params.hires, own, canvas)  # refused now, not after the first pass
        yield from conditioned.open(canvas)
        ledger.warn(*canvas.notes, *(note for family in self._families for note in family.warnings))
        steps = first_pass_steps(params, own, canvas)
        yield from ledger.timing("encoding", conditioned.lay(canvas, encode, steps))
        yield from conditioned.open_references(encode)
        conditioned.lay_references(canvas, steps)
        self._pass = yield from ledger.timing("encoding", first_pass(params, own, canvas, encode, self._device))

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
        if self._conditioned.shown:
            self._conditioned.controls.check()
        self.current.advance(self._conditioned.prompts.guided(self.family, negative, positives))
        self.ledger.buckets.append(bucket)
        return self.step != before

    def develop(self) -> Slices[Image.Image | None]:
        params, first, ran = self.ledger.params, self.current, self.ledger.buckets
        hires, share = params.hires, ran[-1].share if ran else self.own.share(self.canvas.work)
        if hires is None or self._first is not None:
            return (yield from self._beside(share, self._coder.developed(first)))
        whole = hires.upscaler != OF_LATENTS
        picture = (yield from self._beside(share, self._coder.developed(first))) if whole else None
        canvas = first.canvas.enlarged(hires.scale, self.own.multiple)
        if picture is not None:
            picture = yield from self._coder.enlarged(picture, canvas, hires.upscaler)
            if self._only_enlarged:
                return canvas.over_source(picture)
        steps = second_pass_steps(params, hires, self.own, first.canvas)
        self._conditioned.begin_second()
        conditions = self._conditioned.lay(canvas, self._coder.encoded, steps, first.sampler.steps)
        yield from self._beside(share, self.ledger.timing("encoding", conditions))
        self._conditioned.lay_references(canvas, steps)
        second = second_pass(params, hires, self.own, canvas, first, picture, self._coder.encoded)
        self._pass = yield from self._beside(share, self.ledger.timing("encoding", second))
        self._first, self._steps_before = first, first.sampler.steps
        return None
