"""The autoencoder of sixteen channels: from Toybox's of four, whose layers it takes but for those at the latents."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from imagine.training.loop import random_numbers, torch_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox.autoencoder import KL_WEIGHT, PALETTE_NORM, PALETTE_WEIGHT, palette_loss, reconstruction_loss
from tools.toybox.flow.models import LATENT_CHANNELS, SCALE, SHIFT, build_vae, scaled
from tools.toybox.flow.scenes import CANVASES, Shape, Tableau, draw_tableau, random_tableau
from tools.toybox.models import POSTERIOR_LOG_VARIANCE
from tools.toybox.training import Optimizer, to_grid, to_tensor
from tools.toybox.world import PALETTE

_AROUND = ("encoder.conv_out.", "decoder.conv_in.", "quant_conv.", "post_quant_conv.")


@cache
def codes() -> Tensor:
    """Where the latent of a plain patch belongs, by colour, (10, 16): ten directions as far apart as can be, whose mean
    is the origin, turned so that all channels are about as wide."""
    count = len(PALETTE)
    simplex = F.normalize(torch.eye(count) - 1 / count)
    turned, _ = torch.linalg.qr(
        torch.randn(LATENT_CHANNELS, LATENT_CHANNELS, generator=torch.Generator().manual_seed(0))
    )
    return PALETTE_NORM * simplex @ turned[:count]


def widened(vae: AutoencoderKL) -> AutoencoderKL:
    """One of sixteen channels with the layers of `vae`; the two around its latents are new."""
    made = build_vae()
    kept = {name: tensor for name, tensor in vae.state_dict().items() if not name.startswith(_AROUND)}
    missing, strange = made.load_state_dict(kept, strict=False)
    assert not strange
    assert all(name.startswith(_AROUND) for name in missing)
    with torch.no_grad():
        made.encoder.conv_out.weight[LATENT_CHANNELS:] = 0
        made.encoder.conv_out.bias[LATENT_CHANNELS:] = POSTERIOR_LOG_VARIANCE
    return made


class WideAutoencoderStage:
    """Trains encoder and decoder, or only the decoder, on crops from around things or, without `crop`, on whole
    pictures of every shape."""

    def __init__(
        self, name: str, vae: AutoencoderKL, *, seed: int, steps: int, batch: int, rate: float, crop: int | None = None,
        decoder_only: bool = False, decay: float = 0.8,
    ) -> None:  # fmt: skip
        self.name, self.steps = name, steps
        self._vae = vae.to(memory_format=torch.channels_last)
        self._seed, self._batch, self._crop, self._decoder_only, self._decay = seed, batch, crop, decoder_only, decay
        vae.encoder.requires_grad_(not decoder_only)
        self._optimizer = Optimizer(vae, rate, average=0.98)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        truth = self._pictures(rng, ("square", "wide", "tall")[0 if self._crop else index % 3])
        with torch.set_grad_enabled(not self._decoder_only):
            posterior = self._vae.encode(truth).latent_dist
        mean = posterior.mean
        noise = torch.randn(mean.shape, generator=torch_numbers(rng))
        made = self._vae.decode(mean + noise * posterior.std.detach()).sample
        loss = reconstruction_loss(made, truth)
        held = torch.zeros(())
        if not self._decoder_only:
            held = palette_loss(mean, truth, codes())
            loss = loss + KL_WEIGHT * mean.square().mean() / 2 + PALETTE_WEIGHT * held
        loss.backward()
        self._optimizer.step(warm_then_decay(index, self.steps, warm=20, decay=self._decay))
        psnr = -10 * F.mse_loss(made.detach(), truth).div(4).log10()
        return {"loss": loss.item(), "palette": held.item(), "psnr": psnr.item()}

    def _pictures(self, rng: Any, shape: Shape) -> Tensor:
        tableaux = [random_tableau(rng, shape) for _ in range(self._batch)]
        pictures = to_tensor(map(draw_tableau, tableaux))
        if self._crop:
            corners = [_corner(rng, tableau, self._crop) for tableau in tableaux]
            pictures = torch.stack([
                p[:, y : y + self._crop, x : x + self._crop] for p, (x, y) in zip(pictures, corners, strict=True)
            ])  # fmt: skip
        return pictures.contiguous(memory_format=torch.channels_last)

    def sample(self, folder: Path, index: int) -> None:
        rng = random_numbers(self._seed, "autoencoder samples", 0)
        truth = to_tensor(draw_tableau(random_tableau(rng, "square")) for _ in range(12))
        with self._optimizer.averaged(torch.float32), torch.no_grad():
            made = self._vae.decode(self._vae.encode(truth).latent_dist.mean).sample
        psnr = -10 * F.mse_loss(made.clamp(-1, 1), truth).div(4).log10()
        to_grid(torch.cat([truth, made]), 12, folder / f"{self.name}-{index:05d}-{psnr:.1f}dB.png")

    def finish(self) -> AutoencoderKL:
        """The trained model: the averaged weights, all of it trainable again."""
        self._optimizer.hold(torch.float32, average=True)
        return self._vae.requires_grad_(True)

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)


def _corner(rng: Any, tableau: Tableau, side: int) -> tuple[int, int]:
    """The left upper corner (x, y) of a crop from around one of the things."""
    scene = tableau.things[int(rng.integers(len(tableau.things)))]
    aim = np.array([scene.x, scene.y]) + rng.uniform(-1, 1, 2) * scene.radius - side / 2
    x, y = aim.round().astype(int).clip(0, np.array(tableau.size) - side)
    return int(x), int(y)


@torch.no_grad()
def fold_scale(vae: AutoencoderKL, *, seed: int, count: int = 192) -> AutoencoderKL:
    """A copy of `vae` whose latents, scaled as the family scales them, have mean 0 and deviation 1 in every channel.

    All goes into the layers around the latents. The decoder's edges see another zero beyond the picture then, to which
    it is taught again.
    """
    rng = random_numbers(seed, "latents' scale", 0)
    vae = copy.deepcopy(vae).eval()
    pictures = [to_tensor([draw_tableau(random_tableau(rng, shape))]) for shape in CANVASES for _ in range(count // 3)]
    latents = torch.cat([vae.encode(p).latent_dist.mean.flatten(2).transpose(0, 1).flatten(1) for p in pictures], 1)
    mean, std = latents.mean(1), latents.std(1) * SCALE
    last, first, channels = vae.encoder.conv_out, vae.decoder.conv_in, LATENT_CHANNELS
    last.weight[:channels] /= std[:, None, None, None]
    last.bias[:channels] = (last.bias[:channels] - mean) / std + SHIFT
    last.bias[channels:] = POSTERIOR_LOG_VARIANCE - 2 * std.log()
    first.bias += (first.weight.sum((2, 3)) * (mean - SHIFT * std)).sum(1)
    first.weight *= std[None, :, None, None]
    return vae


def spread_of(vae: AutoencoderKL) -> Tensor:
    """The deviation of the noise that a folded decoder was taught to bear, in each channel (16) of scaled latents."""
    log_variance = vae.encoder.conv_out.bias[LATENT_CHANNELS:].detach().float()
    return (log_variance / 2).exp() * SCALE


@torch.no_grad()
def encoded(vae: AutoencoderKL, tableau: Tableau) -> Tensor:
    """A scene's latents (16, h, w), scaled."""
    picture = to_tensor([draw_tableau(tableau)]).to(memory_format=torch.channels_last)
    return scaled(vae.encode(picture).latent_dist.mean)[0].contiguous()
