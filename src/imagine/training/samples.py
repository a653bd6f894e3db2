"""Pictures on the way, which show what was learned so far."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from PIL import Image

from ..engine.families.family import EncodeRequest, Family
from ..engine.jobs.canvas import picture_from_pixels
from ..engine.parts.slices import whole
from ..engine.sampling.guidance import Guided, uses_guidance
from ..engine.sampling.noise import Noise
from ..engine.sampling.sampler import Sampler
from .learners import Learner, attached

STEPS, GUIDANCE = 20, 4.0
_SAMPLERS = {"flow": "euler"}
_SEED = 1


class SamplePainter:
    """Draws one prompt, by the same seed every time. Its words are encoded at once, as their encoder may go."""

    def __init__(self, family: Family, prompt: str, noise: Noise, device: torch.device) -> None:
        self._family, self._noise, self._device = family, noise, device
        size = (family.native, family.native)
        self._scale = family.cfg(Guided(GUIDANCE, 1.0))
        negative = "" if uses_guidance(self._scale) else None
        request = EncodeRequest(prompt=prompt, negative=negative, clip=1, guidance=GUIDANCE, size=size)
        self._conditioning = family.encode(request)

    @torch.inference_mode()
    def paint(self, paths: Mapping[str, Learner]) -> Image.Image:
        """The picture, with what is learned by now."""
        family, conditioning = self._family, self._conditioning
        sides = [side for side in (conditioning.negative, conditioning.positive) if side is not None]
        rows = family.collate(sides)
        side = family.native // family.downscale
        drawn = torch.randn(1, family.latent_channels, side, side, generator=torch.Generator().manual_seed(_SEED))
        named = _SAMPLERS.get(self._noise.prediction, "dpm++ 2m")
        sampler = Sampler(named, "default", self._noise, STEPS, seed=_SEED)
        latents = sampler.start(drawn).to(self._device)
        with attached(family.networks["denoiser"], paths):
            while not sampler.done:
                timesteps = torch.tensor([sampler.timestep] * len(sides), device=self._device)
                answer = family.denoise(torch.cat([sampler.scale(latents)] * len(sides)), timesteps, rows)
                negative, positive = answer[:1], answer[-1:]
                guided = family.guide(negative, positive, self._scale) if len(sides) > 1 else positive
                latents, _ = sampler.step(guided, latents)
        return picture_from_pixels(whole(family.decode(latents)).values)
