"""Pictures on the way, which show what was learned so far."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from PIL import Image

from ..engine.families.family import EncodeRequest, Family
from ..engine.jobs.canvas import picture_from_pixels
from ..engine.parts.slices import whole
from ..engine.sampling.noise import Noise
from ..engine.sampling.sampler import Sampler
from .learners import Learner, attached

STEPS, GUIDANCE = 20, 4.0
_SEED = 1


class SamplePainter:
    """Draws one prompt, by the same seed every time. Its words are encoded at once, as their encoder may go."""

    def __init__(self, family: Family, prompt: str, noise: Noise, device: torch.device) -> None:
        self._family, self._noise, self._device = family, noise, device
        size = (family.native, family.native)
        request = EncodeRequest(prompt=prompt, negative="", clip=1, guidance=GUIDANCE, size=size)
        self._conditioning = family.encode(request)

    @torch.inference_mode()
    def paint(self, paths: Mapping[str, Learner]) -> Image.Image:
        """The picture, with what is learned by now."""
        family, conditioning = self._family, self._conditioning
        assert conditioning.negative is not None, "it was asked for"
        rows = family.collate([conditioning.negative, conditioning.positive])
        side = family.native // family.downscale
        drawn = torch.randn(1, family.latent_channels, side, side, generator=torch.Generator().manual_seed(_SEED))
        sampler = Sampler("dpm++ 2m", "default", self._noise, STEPS, seed=_SEED)
        latents = sampler.start(drawn).to(self._device)
        with attached(family.networks["denoiser"], paths):
            while not sampler.done:
                timesteps = torch.tensor([sampler.timestep] * 2, device=self._device)
                answer = family.denoise(torch.cat([sampler.scale(latents)] * 2), timesteps, rows)
                negative, positive = torch.split(answer, 1)
                latents, _ = sampler.step(family.guide(negative, positive, GUIDANCE), latents)
        return picture_from_pixels(whole(family.decode(latents)).values)
