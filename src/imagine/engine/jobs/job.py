"""One picture in the making: its passes, conditioning and record. Knows no other job, and never loops."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from PIL import Image
from torch import Tensor

from ...messages import Note, message
from ...words.errors import BadRequest, ImagineError, Unsupported
from ...words.frames import Submit
from ...words.recipe import GenerationParams
from ..families.family import Conditioning, Family, Timeline, Wish
from ..parts.autoencoder import Coded
from ..parts.part import at_work, spare
from ..parts.prompt_schedule import texts_by_step
from ..parts.slices import Slices, T
from ..sampling.guidance import guided, uses_guidance
from . import canvas as canvases
from .buckets import buckets_from_text
from .canvas import Canvas
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

Decode = Callable[[bytes, str], Image.Image]


class Job:
    """A `Submit` on its way to a picture. The engine calls `prepare`, then `inputs` and `advance` until `denoised`,
    then `develop`, which gives the picture or begins a second pass.

    `submit` is refused with BadRequest on `buckets` and `refiner`.
    """

    def __init__(self, submit: Submit, number: int) -> None:
        """`number` orders jobs by their arrival."""
        self.submit = submit
        self.number = number
        self.timings: dict[str, float] = defaultdict(float)
        self.buckets: list[int] = []
        self.replay = None if self.params.buckets is None else buckets_from_text(self.params.buckets)
        _check_refiner(submit)
        self.models = [model.identity for model in submit.models]
        """The identities of the models it takes: its own, and a refiner's."""
        self.served = 0
        """The number of its last evaluation, of all that were made; 0: none yet."""
        self.spent = 0.0
        """Seconds of the device that it had: of a step that was shared, its share."""
        self.tiled = False
        """Memory is short: the VAE is to work in tiles."""
        self._families: list[Family] = []
        self._conditionings: list[Timeline] = []
        self._pass: Pass | None = None
        self._first: Pass | None = None
        self._warnings: list[Note] = []
        self._sacrifices: dict[str, Note] = {}

    @property
    def id(self) -> str:
        return self.submit.job

    @property
    def client(self) -> str:
        return self.submit.client

    @property
    def params(self) -> GenerationParams:
        return self.submit.params

    @property
    def area(self) -> float:
        """Pixels of the largest picture that its VAE works on, next or later; 0 where that is none yet."""
        if not self.prepared:
            return 0 if self.submit.img is None else self.params.width * self.params.height
        scale = 1.0 if self.params.hires is None or self._first is not None else self.params.hires.scale
        return self.canvas.work[0] * self.canvas.work[1] * scale**2

    @property
    def warnings(self) -> list[Note]:
        """Sentences for the user, each once."""
        return list(dict.fromkeys([*self._warnings, *self._sacrifices.values()]))

    def warn(self, note: Note) -> None:
        self._warnings.append(note)

    def sacrifice(self, what: str, note: Note) -> None:
        """Memory ran short, and `what` was given up, as `note` tells; of several times the last counts."""
        self._sacrifices[what] = note

    @property
    def alone(self) -> bool:
        """Never shares a batch: its bytes are promised whatever the crowd, or must be made again."""
        return self.params.reproducible or self.replay is not None

    @property
    def most(self) -> int | None:
        """How many evaluations of its model are made together at most, where the model's settings say so."""
        return self.submit.max_batch

    @property
    def bucket(self) -> int:
        """The bucket that a job which is `alone` takes for its next evaluation."""
        done = len(self.buckets)
        return self.replay[done] if self.replay is not None and done < len(self.replay) else 1

    @property
    def current(self) -> Pass:
        assert self._pass is not None, "the job is not prepared"
        return self._pass

    @property
    def prepared(self) -> bool:
        return self._pass is not None

    @property
    def denoised(self) -> bool:
        return self.current.sampler.done

    @property
    def size(self) -> canvases.Size:
        """The requested size, without what a second pass adds."""
        return (self._first or self.current).canvas.size

    @property
    def canvas(self) -> Canvas:
        """Of the pass that runs."""
        return self.current.canvas

    @property
    def clean(self) -> Tensor | None:
        """The clean latents that the last evaluation predicted; None before the first."""
        return self.current.clean

    @property
    def step(self) -> int:
        """How many of the user's steps are done, both passes counted."""
        return self._first_steps + self.current.sampler.user_step

    @property
    def steps(self) -> int:
        """The user's steps, both passes counted."""
        hires = self.params.hires
        to_come = 0 if hires is None or self._first is not None else second_pass_steps(self.params, hires)
        return self._first_steps + self.current.sampler.steps + to_come

    def remaining(self, seconds: float) -> float:
        """Seconds to the end of its last step, at so many for an evaluation."""
        sampler, hires = self.current.sampler, self.params.hires
        left = sampler.evaluations - sampler.index
        if hires is None or self._first is not None:
            return seconds * left
        second = second_sampler(self.params, hires, self.own).evaluations
        return seconds * (left + second * hires.scale**2)

    @property
    def _first_steps(self) -> int:
        return 0 if self._first is None else self._first.sampler.steps

    @property
    def turn(self) -> int:
        """Whose the next evaluation is: 0 the model's own, 1 the refiner's."""
        if len(self._families) < 2 or self.denoised:
            return 0
        return int(self.current.sampler.timestep < (1 - self.params.refiner_at) * self.own.noise.train_steps)

    @property
    def model(self) -> str:
        """The identity of the model of the next evaluation."""
        return self.models[self.turn]

    @property
    def own(self) -> Family:
        """That of `params.model`."""
        return self._families[0]

    @property
    def family(self) -> Family:
        """That of the next evaluation."""
        return self._families[self.turn]

    @property
    def conditioning(self) -> Conditioning:
        """That of the next evaluation."""
        return self._conditionings[self.turn].at(self.current.sampler.user_step)

    @property
    def key(self) -> tuple[object, ...]:
        """Jobs of equal keys can share a batch: model, latents and conditioning have the same shape."""
        return (self.model, tuple(self.current.latents.shape[1:]), self.conditioning.shape)

    def took(self, seconds: float) -> float | None:
        """What the evaluation took whose last turn took so long; None while it goes on."""
        return seconds

    def close(self) -> None:
        """Nobody wants its picture any more."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.timings[stage] += time.perf_counter() - begun

    def _timed(self, stage: str, parts: Slices[T]) -> Slices[T]:
        """The same parts, and the seconds of each noted, without those in between."""
        while True:
            begun = time.perf_counter()
            try:
                next(parts)
            except StopIteration as end:
                made: T = end.value
                return made
            finally:
                self.timings[stage] += time.perf_counter() - begun
            yield

    def spare(self) -> Note | None:
        """Have its models give memory back; says what was done, None when nothing is left to give."""
        return next((done for family in self._families if (done := spare(family))), None)

    def prepare(self, families: list[Family], pictures: Decode, device: torch.device) -> Slices[None]:
        """Encode prompts and pictures and set the first pass up. `families` are those of `models`.

        Raises BadRequest or Unsupported, naming the field.
        """
        self._families = families
        params, own = self.params, families[0]
        if any(family.space != own.space for family in families):
            raise Unsupported(message("refiner.other_latents", "refiner", name=params.refiner or ""))
        source = pictures(self.submit.img, "img") if self.submit.img is not None else None
        mask = pictures(self.submit.mask, "mask") if self.submit.mask is not None else None
        canvas = canvases.plan(
            params.width, params.height, fit=params.fit, native=own.native, multiple=own.multiple,
            source=source, mask=mask, resize=params.resize, extend=params.extend,
        )  # fmt: skip
        if params.hires is not None:
            second_sampler(params, params.hires, own)  # refused now, not after the first pass
        self._warnings += [*canvas.notes, *(note for family in families for note in family.warnings)]
        strength = params.strength if canvas.source is not None else 1.0
        yield from self._timed("encoding", self._condition(canvas, steps_run(params.num_steps, strength)))
        begun = first_pass(params, own, canvas, self._encode, device)
        self._pass = yield from self._timed("encoding", begun)

    def _condition(self, canvas: Canvas, steps: int) -> Slices[None]:
        """Encode the prompts for a pass of so many of the user's steps."""
        params = self.params
        negative = params.neg if uses_guidance(params.guidance) else None
        texts = _paired(params.prompt, negative, steps)
        self._conditionings = []
        for family in self._families:
            channels = (yield from mask_channels(family, canvas, self._encode)) if family.takes_mask else None
            parts = []
            for end, said, against in texts:
                with at_work(family.parts("encode")):
                    conditioning = family.encode(Wish(said, against, params.clip, *canvas.work))
                self._warnings += conditioning.warnings
                parts.append((end, conditioning if channels is None else with_mask(conditioning, channels)))
            self._conditionings.append(Timeline(parts))

    def inputs(self) -> tuple[Tensor, float]:
        """The denoiser's input for the next evaluation, (1, C, h, w), and its timestep."""
        now = self.current
        return now.sampler.scale(now.latents), now.sampler.timestep

    @torch.inference_mode()
    def advance(self, negative: Tensor | None, positive: Tensor, bucket: int) -> bool:
        """Take the denoiser's answers for this job's rows; says whether one of the user's steps was completed."""
        before = self.step
        self.current.advance(positive if negative is None else guided(negative, positive, self.params.guidance))
        self.buckets.append(bucket)
        return self.step != before

    def develop(self) -> Slices[Image.Image | None]:
        """The picture; None when it was the first of two passes, and the second is set up."""
        hires, first = self.params.hires, self.current
        if hires is None or self._first is not None:
            return (yield from self._developed())
        picture = None if hires.upscaler == "latent" else (yield from self._developed())
        canvas = first.canvas.enlarged(hires.scale, self.own.multiple)
        yield from self._timed("encoding", self._condition(canvas, second_pass_steps(self.params, hires)))
        second = second_pass(self.params, hires, self.own, canvas, first, picture, self._encode)
        self._pass = yield from self._timed("encoding", second)
        self._first = first
        return None

    def _developed(self) -> Slices[Image.Image]:
        now = self.current
        if not now.sampler.evaluations and now.untouched is not None:
            return now.untouched
        return (yield from self._timed("decoding", self._decoded(now)))

    def _decoded(self, now: Pass) -> Slices[Image.Image]:
        if not bool(torch.isfinite(now.latents).all()):
            raise ImagineError(message("model.overflowed", dtype=self.own.dtype))
        pixels = self._heard((yield from self.own.decode(now.latents, tiled=self.tiled)))
        if not bool(torch.isfinite(pixels).all()):
            raise ImagineError(message("vae.broken"))
        return now.canvas.finish(canvases.picture_from_pixels(pixels))

    def _encode(self, pixels: Tensor) -> Slices[Tensor]:
        return self._heard((yield from self.own.encode_picture(pixels, tiled=self.tiled)))

    def _heard(self, coded: Coded) -> Tensor:
        if coded.warning is not None:
            self.warn(coded.warning)
        return coded.values


def _paired(prompt: str, negative: str | None, steps: int) -> list[tuple[int, str, str | None]]:
    """The prompts' texts, each pair with the step that it ends before."""
    said = texts_by_step(prompt, steps)
    against = texts_by_step(negative or "", steps, "neg")
    made = []
    for end in sorted({end for end, _ in (*said, *against)}):
        other = next(text for last, text in against if end <= last)
        made.append((end, next(text for last, text in said if end <= last), None if negative is None else other))
    return made


def _check_refiner(submit: Submit) -> None:
    """Raises BadRequest where a refiner is asked for that isn't there, or at no part of the noise."""
    if submit.params.refiner is None:
        return
    if not 0 <= submit.params.refiner_at <= 1:
        raise BadRequest(message("value.range", "refiner_at", value=submit.params.refiner_at, least=0, most=1))
    if submit.refiner is None:
        raise BadRequest(message("refiner.missing", "refiner", name=submit.params.refiner))
