"""One run of a sampler over one canvas: a picture takes one, a hires fix a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from ...words.recipe import THEIR_NOISE, GenerationParams, Hires
from ...words.samplers import SAMPLERS
from ..device.transfer import sent
from ..families.family import Conditioning, Family
from ..parts.rows import Rows
from ..parts.slices import Slices
from ..sampling.latents import centred, drawing_on, initial_noise, second_noise, subseeded
from ..sampling.noise import Noise
from ..sampling.sampler import Sampler, steps_run
from .canvas import Canvas, pixels_from_picture

Encode = Callable[[Tensor], Slices[Tensor]]
"""Pixels (1, 3, H, W) to latents on the denoiser's device."""


@dataclass
class Pass:
    """The state of a run."""

    canvas: Canvas
    sampler: Sampler
    noise: Tensor
    latents: Tensor
    source: Tensor | None = None
    """The source's latents, where a mask keeps a part of it."""
    mask: Tensor | None = None
    """1 where to paint, (1, 1, h, w)."""
    untouched: Image.Image | None = None
    """The picture at the asked size when nothing is denoised."""
    clean: Tensor | None = None
    """The clean latents that the last evaluation predicted."""

    def __post_init__(self) -> None:
        if self.sampler.churns:
            self.latents = self.sampler.churned(self.latents)
        # All at once: each of its own would be a copy more to the device at every step.
        self._timesteps = sent(torch.tensor(self.sampler.timesteps), self.noise.device)

    def inputs(self) -> tuple[Tensor, Tensor]:
        """The denoiser's input for the next evaluation, (1, C, h, w), and its timestep, (1,)."""
        index = self.sampler.index
        return self.sampler.scale(self.latents), self._timesteps[index : index + 1]

    def advance(self, output: Tensor) -> None:
        """Take the denoiser's guided answer: one evaluation."""
        self.latents, self.clean = self.sampler.step(output, self.latents)
        if self.mask is not None and self.source is not None:
            kept = self.sampler.noised(self.source, self.noise)
            free = self._free(self.mask)
            self.latents = free * self.latents + (1 - free) * kept
            self.clean = free * self.clean + (1 - free) * self.source
        if self.sampler.churns:
            self.latents = self.sampler.churned(self.latents)

    def _free(self, mask: Tensor) -> Tensor:
        """1 where the latents are the denoiser's by now, 0 where they are the source's.

        Grey of m is the source until the last m of the run: a strength for each pixel (Levin & Fried 2023,
        "Differential Diffusion", https://arxiv.org/abs/2306.00950). White is free from the first step on.
        """
        to_come = 1 - self.sampler.index / self.sampler.evaluations
        return ((mask > 0) & (mask >= to_come)).to(mask.dtype)


def first_pass(
    params: GenerationParams, family: Family, canvas: Canvas, encode: Encode, device: torch.device
) -> Slices[Pass]:
    """From noise, or from the canvas' source with as much noise as `params.strength` says."""
    strength = params.strength if canvas.source is not None else 1.0
    process = family.noise(canvas.work, params.num_steps)
    sampler = Sampler(
        params.sampler, params.schedule, process, params.num_steps, strength=strength, seed=params.seed,
        options=params.sampler_options, further=_further(params, latent_shape(family, canvas)),
    )  # fmt: skip
    noise = sent(_noise(params, family, canvas), device)
    wanted = canvas.source is not None and (strength < 1 or canvas.mask is not None)
    source = (yield from encode(canvas.source_pixels())) if wanted else None
    start = source if strength < 1 else None
    if source is not None and canvas.mask is not None and params.mask_fill != "original":
        start = yield from _under_mask(params, family, canvas, source, encode)
    latents = sampler.start(noise, start)
    untouched = canvas.source if canvas.whole is None else canvas.whole.picture
    return _kept_outside_mask(Pass(canvas, sampler, noise, latents, untouched=untouched), family, source)


def _under_mask(
    params: GenerationParams, family: Family, canvas: Canvas, source: Tensor, encode: Encode
) -> Slices[Tensor]:
    """The latents that a masked picture is begun from, where something else than itself is under its mask."""
    if params.mask_fill == "fill":
        return (yield from encode(canvas.filled_pixels()))
    kept = 1 - sent(canvas.mask_latents(family.downscale), source.device)
    if params.mask_fill == "nothing":
        return source * kept
    return source * kept + sent(initial_noise(params.seed, latent_shape(family, canvas)), source.device) * (1 - kept)


def second_pass(
    params: GenerationParams, hires: Hires, family: Family, canvas: Canvas, first: Pass, enlarged: Image.Image | None,
    encode: Encode,
) -> Slices[Pass]:  # fmt: skip
    """Over the enlarged `canvas`, from the first pass's picture, `enlarged`; None enlarges its latents themselves."""
    shape = latent_shape(family, canvas)
    sampler = second_sampler(params, hires, family, first.canvas, _further(params, shape))
    noise = sent(_noise(params, family, canvas, second=True), first.latents.device)
    if enlarged is None:
        start = enlarged_latents(first.latents, first.canvas, canvas, (shape[2], shape[3]))
    else:
        start = yield from encode(pixels_from_picture(canvas.laid_out(enlarged)))
    untouched = enlarged and canvas.over_source(enlarged)
    begun = Pass(canvas, sampler, noise, sampler.start(noise, start), untouched=untouched)
    source = (yield from encode(canvas.source_pixels())) if canvas.mask is not None else None
    return _kept_outside_mask(begun, family, source)


def second_sampler(
    params: GenerationParams, hires: Hires, family: Family, first: Canvas, further: torch.Generator | None = None
) -> Sampler:
    """The sampler of the pass behind that over `first`. Raises BadRequest or Unsupported, naming the field."""
    steps, process = _second_process(params, hires, family, first)
    name, options = hires.sampler or params.sampler, params.sampler_options
    return Sampler(
        name, hires.schedule or params.schedule, process, steps, strength=hires.strength, seed=params.seed,
        options=options and SAMPLERS[name].told_by(options, process.kind)[0], further=further,
    )  # fmt: skip


def first_pass_steps(params: GenerationParams, family: Family, canvas: Canvas) -> int:
    """How many of the user's steps the first pass runs."""
    strength = params.strength if canvas.source is not None else 1.0
    return steps_run(params.num_steps, strength, family.noise(canvas.work, params.num_steps).kind)


def second_pass_steps(params: GenerationParams, hires: Hires, family: Family, first: Canvas) -> int:
    """How many of the user's steps the pass behind that over `first` runs."""
    steps, process = _second_process(params, hires, family, first)
    return steps_run(steps, hires.strength, process.kind)


def _second_process(params: GenerationParams, hires: Hires, family: Family, first: Canvas) -> tuple[int, Noise]:
    steps = hires.steps or params.num_steps
    return steps, family.noise(first.enlarged_sizes(hires.scale, family.multiple)[1], steps)


def _noise(params: GenerationParams, family: Family, canvas: Canvas, *, second: bool = False) -> Tensor:
    """A pass's noise: of the seed, as far as is asked towards that of a second seed, and for the size that is said."""
    draw = second_noise if second and params.noise == "own" else initial_noise
    shape = latent_shape(family, canvas)
    sized = _seed_shape(params, family) or shape
    noise = draw(params.seed, sized)
    if params.subseed is not None and params.subseed_strength:
        noise = subseeded(noise, draw(params.subseed, sized), params.subseed_strength)
    return noise if sized == shape else centred(draw(params.seed, shape), noise)


def _seed_shape(params: GenerationParams, family: Family) -> tuple[int, int, int, int] | None:
    """Of the latents that the seed's noise is drawn for, where it isn't the picture's own."""
    if params.seed_width is None or params.seed_height is None:
        return None
    return (1, family.latent_channels, params.seed_height // family.downscale, params.seed_width // family.downscale)


def _further(params: GenerationParams, shape: tuple[int, ...]) -> torch.Generator | None:
    """What noise on the way is drawn by; None: by the sampler's own."""
    return drawing_on(params.seed, shape) if params.noise == THEIR_NOISE else None


def latent_shape(family: Family, canvas: Canvas) -> tuple[int, int, int, int]:
    width, height = canvas.work
    return (1, family.latent_channels, height // family.downscale, width // family.downscale)


def enlarged_latents(latents: Tensor, old: Canvas, new: Canvas, size: tuple[int, int]) -> Tensor:
    """Latents of the `old` canvas laid out on the `new`, (1, C, *size); beyond them their edges go on, or meet."""
    factors = [new.inner[1] / old.inner[1], new.inner[0] / old.inner[0]]
    if new.wraps:
        return _enlarged_around(latents, size)
    made = torch.nn.functional.interpolate(latents, scale_factor=factors, mode="bilinear")
    missing = [max(0, size[1] - made.shape[3]), max(0, size[0] - made.shape[2])]
    made = torch.nn.functional.pad(made, [0, missing[0], 0, missing[1]], mode="replicate")
    return made[:, :, : size[0], : size[1]].contiguous()


def _enlarged_around(latents: Tensor, size: tuple[int, int]) -> Tensor:
    """Likewise bilinear, of a picture whose edges meet: beyond the last comes the first."""
    for dim, wanted in ((2, size[0]), (3, size[1])):
        there = latents.shape[dim]
        places = (torch.arange(wanted, device=latents.device) + 0.5) * there / wanted - 0.5
        first = places.floor()
        part = (places - first).view([-1 if each == dim else 1 for each in range(4)])
        before, after = (latents.index_select(dim, (first.long() + step) % there) for step in (0, 1))
        latents = before * (1 - part) + after * part
    return latents.contiguous()


def mask_channels(family: Family, canvas: Canvas, encode: Encode) -> Slices[Tensor]:
    """What an inpainting checkpoint sees beside the latents; without a mask, all of the picture is to be painted."""
    width, height = canvas.work
    if canvas.mask is not None:
        masked = yield from encode(canvas.masked_pixels())
        mask = canvas.mask_pixels()
    else:
        masked = yield from encode(torch.zeros(1, 3, height, width))
        mask = torch.ones(1, 1, height, width)
    return family.inpainting_channels(mask, masked)


def with_mask(conditioning: Conditioning, channels: Tensor) -> Conditioning:
    """Conditioning of an inpainting checkpoint."""

    def with_channels(rows: Rows) -> Rows:
        return {**rows, "inpainting": channels}

    negative = None if conditioning.negative is None else with_channels(conditioning.negative)
    joined = tuple(map(with_channels, conditioning.joined))
    return Conditioning(with_channels(conditioning.positive), negative, conditioning.warnings, joined)


def _kept_outside_mask(begun: Pass, family: Family, source: Tensor | None) -> Pass:
    if begun.canvas.mask is not None and source is not None:
        begun.source = source
        begun.mask = sent(begun.canvas.mask_latents(family.downscale), source.device)
    return begun
