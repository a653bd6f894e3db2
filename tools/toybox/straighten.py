"""The decoder's last stage: it learns to draw cleanly what the denoiser makes, not only what the encoder makes.

A denoiser's latents are a little off, and a decoder that only ever saw an encoder's draws that as a wobbly edge. So
scenes are noised halfway, finished by the denoiser, which keeps their layout, and the decoder is taught to draw the
scene from that. The latents stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor
from tqdm import tqdm

from imagine.training.loop import random_numbers, torch_numbers
from imagine.training.optimizer import warm_then_decay
from imagine.training.state import keep, kept
from tools.toybox.autoencoder import reconstruction_loss
from tools.toybox.denoiser import DenoiserStage, Pool, test_prompts
from tools.toybox.judge import judge
from tools.toybox.models import GUIDANCE, POSTERIOR_LOG_VARIANCE
from tools.toybox.training import Optimizer, to_grid, to_picture, to_tensor
from tools.toybox.world import draw

STEPS = 20
LAST_STEPS = (2, 5)
"""How many of the denoiser's STEPS a scene goes through, fewest and most: with more, rays would be others."""
TOGETHER = 32


def mostly_small(pool: Pool, count: int) -> Pool:
    """So many of a pool, three of four of them small: large things are straight by themselves."""
    small, large = ([i for i, s in enumerate(pool.scenes) if s.size == size] for size in ("small", "large"))
    return pool.of([*small[: count * 3 // 4], *large[: count - count * 3 // 4]])


def finished_by_denoiser(denoiser: DenoiserStage, pool: Pool, seed: int, folder: Path) -> Tensor:
    """The latents of a pool, each noised partly and denoised again; kept in `folder`."""
    file = folder / "finished.safetensors"
    if found := kept(file):
        return found[0]["latents"]
    made = []
    count = len(pool.scenes)
    for i in tqdm(range(0, count, TOGETHER), desc="finished latents", unit="batch"):
        rng = random_numbers(seed, "finished latents", i)
        steps = int(rng.integers(LAST_STEPS[0], LAST_STEPS[1] + 1))
        some = pool.of(range(i, min(i + TOGETHER, count)))
        made.append(denoiser.redo(some, steps, of=STEPS, guidance=GUIDANCE, generator=torch_numbers(rng)).cpu())
    latents = torch.cat(made)
    keep(file, {"latents": latents}, {"count": count})
    return latents


def better(denoiser: DenoiserStage, decoders: Sequence[AutoencoderKL], seed: int, folder: Path) -> AutoencoderKL:
    """The decoder by which the judge tells most of the same small things, the last of those that are as good."""
    asked = [(s, text) for s, text in test_prompts(240, seed + 2) if s.size == "small"]
    latents = denoiser.latents([text for _, text in asked], guidance=GUIDANCE)
    told = []
    for decoder in decoders:
        pictures = map(to_picture, denoiser.decoded(latents, decoder))
        told.append(sum(judge(p).thing == s.thing for p, (s, _) in zip(pictures, asked, strict=True)))
    with (folder / "decoders.judged.txt").open("a") as file:
        file.write(f"of {len(asked)} small things: {told}\n")
    return max(zip(told, range(len(decoders)), decoders, strict=True), key=lambda each: each[:2])[2]


class StraighteningStage:
    """Trains the decoder alone: half of each batch on the denoiser's latents (N, 4, 16, 16), half on the encoder's."""

    def __init__(
        self, name: str, vae: AutoencoderKL, pool: Pool, finished: Tensor, *, seed: int, steps: int, batch: int,
        rate: float, device: torch.device, decay: float,
    ) -> None:  # fmt: skip
        self.name, self.steps = name, steps
        self._vae = vae.to(device, memory_format=torch.channels_last)
        self._pool, self._finished = pool, finished.to(device)
        self._seed, self._batch, self._decay, self._device = seed, batch, decay, device
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
        self._optimizer = Optimizer(vae, rate, average=0.99)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        chosen = torch.from_numpy(rng.choice(len(self._finished), self._batch, replace=False))
        truth = to_tensor(draw(self._pool.scenes[i]) for i in chosen.tolist()).to(self._device)
        mean, std = self._pool.mean.to(self._device), self._pool.std.to(self._device)
        half = self._batch // 2
        latents = torch.cat([self._finished[chosen[:half]], self._pool.latents[chosen[half:]]]) * std + mean
        noise = torch.randn(latents[half:].shape, generator=torch_numbers(rng)).to(latents)
        latents[half:] += noise * torch.tensor(POSTERIOR_LOG_VARIANCE / 2).exp().item()
        made = self._vae.decode(latents.contiguous(memory_format=torch.channels_last)).sample
        loss = reconstruction_loss(made, truth)
        loss.backward()
        self._optimizer.step(warm_then_decay(index, self.steps, warm=30, decay=self._decay))
        psnr = -10 * (made.detach() - truth).square().mean((1, 2, 3)).div(4).log10()
        return {"loss": loss.item(), "denoiser": psnr[:half].mean().item(), "encoder": psnr[half:].mean().item()}

    def sample(self, folder: Path, index: int) -> None:
        """Twelve drawings above what the decoder makes of them as the denoiser finished them."""
        truth = to_tensor(map(draw, self._pool.scenes[:12])).to(self._device)
        latents = self._finished[:12] * self._pool.std.to(self._device) + self._pool.mean.to(self._device)
        with self._optimizer.averaged(torch.float32), torch.no_grad():
            made = self._vae.decode(latents).sample
        psnr = -10 * F.mse_loss(made.clamp(-1, 1), truth).div(4).log10()
        to_grid(torch.cat([truth, made]).cpu(), 12, folder / f"{self.name}-{index:05d}-{psnr:.1f}dB.png")

    def finish(self) -> AutoencoderKL:
        """The trained model: the averaged weights."""
        self._optimizer.hold(torch.float32, average=True)
        return self._vae

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)
