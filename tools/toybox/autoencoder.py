"""The autoencoder's stages: crops first, whole pictures then, and a last one for the decoder alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from imagine.training.loop import random_numbers, torch_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox.models import POSTERIOR_LOG_VARIANCE
from tools.toybox.training import Optimizer, to_grid, to_tensor
from tools.toybox.world import PALETTE, Scene, combinations, draw, random_scene

KL_WEIGHT = 5e-4
PALETTE_WEIGHT = 0.5
PALETTE_NORM = 4.0
PALETTE_CODES = {
    "red": (-0.060, -0.224, 0.226, 0.946),
    "orange": (-0.790, 0.489, -0.222, 0.295),
    "yellow": (0.724, 0.246, 0.129, -0.631),
    "green": (0.470, 0.654, -0.383, 0.453),
    "blue": (-0.598, -0.757, -0.261, 0.021),
    "purple": (0.194, -0.632, 0.738, -0.138),
    "pink": (0.002, 0.615, 0.777, 0.136),
    "black": (-0.068, 0.120, -0.871, -0.472),
    "white": (0.662, -0.593, -0.422, 0.179),
    "gray": (-0.536, 0.082, 0.289, -0.789),
}
"""Where the latent of a plain patch belongs: ten directions as far apart as four dimensions allow (80°, found by
minimising the largest cosine). Guidance pushes latents away from their mean, which is the origin; with one direction a
colour, that makes a colour stronger but never another one."""


def reconstruction_loss(made: Tensor, truth: Tensor) -> Tensor:
    """L1 + 2·L2 + L1 of the horizontal and vertical differences, which is what keeps edges crisp."""
    edges = sum(F.l1_loss(made.diff(dim=d), truth.diff(dim=d)) for d in (2, 3))
    return F.l1_loss(made, truth) + 2 * F.mse_loss(made, truth) + edges


def palette_loss(latents: Tensor, pictures: Tensor, codes: Tensor | None = None) -> Tensor:
    """Mean squared distance of plain patches' latents (N, C, h, w) to their colour's code; pictures in −1…1. `codes`
    (10, C) are other ones than those of four channels."""
    patch = pictures.shape[-1] // latents.shape[-1]
    high = F.max_pool2d(pictures, patch)
    plain = (high + F.max_pool2d(-pictures, patch)).amax(1) < 1e-6
    colours = torch.tensor(list(PALETTE.values()), device=pictures.device).div(127.5).sub(1)
    distance = (high[:, None] - colours.view(1, -1, 3, 1, 1)).abs().amax(2)
    nearest, index = distance.min(1)
    known = plain & (nearest < 1e-4)
    if codes is None:
        codes = torch.tensor([PALETTE_CODES[name] for name in PALETTE], device=latents.device) * PALETTE_NORM
    wanted = codes[index].permute(0, 3, 1, 2)
    errors = (latents - wanted).square().mean(1)
    return (errors * known).sum() / known.sum().clamp(min=1)


class AutoencoderStage:
    """Trains encoder and decoder together, or only the decoder, on crops or whole pictures.

    Crops are from anywhere or, with `near`, from around the thing: a plain background teaches little.
    """

    def __init__(
        self, name: str, vae: AutoencoderKL, *, seed: int, steps: int, batch: int, side: int, rate: float,
        compute: torch.dtype, device: torch.device, decoder_only: bool = False, near: bool = False, decay: float = 0.4,
    ) -> None:  # fmt: skip
        self.name, self.steps = name, steps
        self._vae = vae.to(device, memory_format=torch.channels_last)
        self._seed, self._batch, self._side, self._compute, self._device = seed, batch, side, compute, device
        self._decay, self._near = decay, near
        self._choices = combinations(unseen=False)
        vae.encoder.requires_grad_(not decoder_only)
        vae.quant_conv.requires_grad_(not decoder_only)
        self._optimizer = Optimizer(vae, rate, compute=compute, average=0.99)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        truth = self._pictures(rng)
        mean = self._vae.encode(truth.to(self._compute)).latent_dist.mean
        noise = torch.randn(mean.shape, generator=torch_numbers(rng)).to(mean)
        made = self._vae.decode(mean + noise * torch.tensor(POSTERIOR_LOG_VARIANCE / 2).exp().item()).sample.float()
        loss = reconstruction_loss(made, truth)
        kl = mean.float().square().mean() / 2
        palette = palette_loss(mean.float(), truth)
        (loss + KL_WEIGHT * kl + PALETTE_WEIGHT * palette).backward()
        self._optimizer.step(warm_then_decay(index, self.steps, decay=self._decay))
        psnr = -10 * F.mse_loss(made.detach(), truth).div(4).log10()
        return {"loss": loss.item(), "palette": palette.item(), "psnr": psnr.item()}

    def _pictures(self, rng: Any) -> Tensor:
        scenes = [random_scene(rng, self._choices) for _ in range(self._batch)]
        pictures = to_tensor(map(draw, scenes))
        if self._side < pictures.shape[-1]:
            corners = self._corners(rng, scenes, pictures.shape[-1] - self._side + 1)
            pictures = torch.stack(
                [p[:, y : y + self._side, x : x + self._side] for p, (y, x) in zip(pictures, corners, strict=True)]
            )
        return pictures.to(self._device, memory_format=torch.channels_last)

    def _corners(self, rng: Any, scenes: list[Scene], room: int) -> Any:
        """Where each crop's upper left corner is, as (y, x) below `room`."""
        if not self._near:
            return rng.integers(0, room, (len(scenes), 2))
        aims = np.array([(s.y, s.x) for s in scenes]) + rng.uniform(-1, 1, (len(scenes), 2)) * [
            [s.radius] for s in scenes
        ]
        return (aims - self._side / 2).round().astype(int).clip(0, room - 1)

    def sample(self, folder: Path, index: int) -> None:
        rng = random_numbers(self._seed, "autoencoder samples", 0)
        truth = to_tensor(draw(random_scene(rng, self._choices)) for _ in range(12)).to(self._device)
        with self._optimizer.averaged(self._compute), torch.no_grad():
            made = self._vae.decode(self._vae.encode(truth).latent_dist.mean).sample
        psnr = -10 * F.mse_loss(made.clamp(-1, 1), truth).div(4).log10()
        to_grid(torch.cat([truth, made]).cpu(), 12, folder / f"{self.name}-{index:05d}-{psnr:.1f}dB.png")

    def finish(self) -> AutoencoderKL:
        """The trained model: the averaged weights, fp32, all of it trainable again."""
        self._optimizer.hold(torch.float32, average=True)
        return self._vae.requires_grad_(True)

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)
