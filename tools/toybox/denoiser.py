"""The denoiser's stage: v-prediction on cached latents, with the text encoder frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from tools.toybox.captions import Speaker
from tools.toybox.models import DOWNSCALE, NOISE_CONFIG, POSTERIOR_LOG_VARIANCE, alphas_cumprod
from tools.toybox.text import tokenize
from tools.toybox.training import (
    Optimizer,
    random_numbers,
    save_atomically,
    to_grid,
    to_tensor,
    torch_numbers,
    warm_then_decay,
)
from tools.toybox.world import SIDE, Scene, combinations, draw, random_scene

THING_WEIGHT = 3.0
"""How much more a latent under the thing counts than one of the plain background."""
EMPTY = 0.1
"""How many captions are empty, for classifier-free guidance."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Scenes and their latents (N, 4, 16, 16), scaled to mean 0 and deviation 1 in each channel by `mean` and `std`."""

    scenes: list[Scene]
    latents: Tensor
    mean: Tensor
    std: Tensor


def make_pool(vae: AutoencoderKL, count: int, seed: int, folder: Path, device: torch.device) -> Pool:
    """Draw and encode `count` training scenes, or read them back from `folder`."""
    rng = random_numbers(seed, "pool", 0)
    choices = combinations(unseen=False)
    scenes = [random_scene(rng, choices) for _ in range(count)]
    kept = folder / "pool.pt"
    if kept.exists():
        saved = torch.load(kept, weights_only=True)
        return Pool(scenes, saved["latents"].to(device), saved["mean"], saved["std"])
    made = []
    with torch.no_grad():
        for i in tqdm(range(0, count, 32), desc="latents", unit="batch"):
            pictures = to_tensor(draw(s) for s in scenes[i : i + 32]).to(device, memory_format=torch.channels_last)
            made.append(vae.encode(pictures).latent_dist.mean.cpu())
    latents = torch.cat(made)
    mean, std = latents.mean((0, 2, 3), keepdim=True), latents.std((0, 2, 3), keepdim=True)
    latents = ((latents - mean) / std).contiguous()
    save_atomically({"latents": latents, "mean": mean, "std": std}, kept)
    return Pool(scenes, latents.to(device), mean, std)


def thing_weights(scenes: list[Scene]) -> Tensor:
    """Per-latent loss weights (N, 1, 16, 16) of mean 1, higher where the thing stands."""
    cells = (np.arange(SIDE // DOWNSCALE) + 0.5) * DOWNSCALE
    x, y, r = (np.array([getattr(s, k) for s in scenes])[:, None, None] for k in ("x", "y", "radius"))
    inside = (abs(cells[None, None, :] - x) < r + 6) & (abs(cells[None, :, None] - y) < r + 6)
    weights = 1 + (THING_WEIGHT - 1) * torch.from_numpy(inside).float()
    return (weights / weights.mean((1, 2), keepdim=True))[:, None]


class DenoiserStage:
    """Trains the UNet on captions drawn afresh for every use of a picture.

    `often` says of some things how many times as often as the others they are drawn.
    """

    def __init__(
        self, name: str, unet: UNet2DConditionModel, encoder: CLIPTextModel, tokenizer: CLIPTokenizer,
        vae: AutoencoderKL, pool: Pool, *, seed: int, steps: int, batch: int, rate: float, decay: float,
        compute: torch.dtype, device: torch.device, often: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.steps, self._decay = name, steps, decay
        shares = np.array([often.get(s.thing, 1.0) for s in pool.scenes]) if often else None
        self._shares = None if shares is None else shares / shares.sum()
        unet.set_attn_processor(AttnProcessor())  # on a CPU 1.3× faster to train than the fused kernel (measured)
        self._unet = unet.to(device, memory_format=torch.channels_last)
        self._encoder, self._tokenizer, self._vae, self._pool = encoder.to(device), tokenizer, vae, pool
        self._seed, self._batch, self._compute, self._device = seed, batch, compute, device
        self._signal = alphas_cumprod().sqrt().to(device)
        self._noise = (1 - alphas_cumprod()).sqrt().to(device)
        self._optimizer = Optimizer(unet, rate, compute=compute, average=0.999)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        speaker = Speaker(rng)
        chosen = rng.choice(len(self._pool.scenes), size=self._batch, p=self._shares)
        scenes = [self._pool.scenes[i] for i in chosen]
        captions = [speaker.speak_of(s, empty=EMPTY)[1] for s in scenes]
        context = self._hear(captions)
        generator = torch_numbers(rng)
        clean = self._pool.latents[torch.from_numpy(chosen)]
        blur = torch.randn(clean.shape, generator=generator).to(clean)
        clean = clean + blur * torch.tensor(POSTERIOR_LOG_VARIANCE / 2).exp() / self._pool.std.to(clean)
        timesteps = self._timesteps(rng)
        signal, noise_level = (a[timesteps].view(-1, 1, 1, 1) for a in (self._signal, self._noise))
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        noisy = signal * clean + noise_level * noise
        target = signal * noise - noise_level * clean
        weights = thing_weights(scenes).to(target)
        guess = self._unet(noisy.to(self._compute), timesteps, context.to(self._compute)).sample.float()
        loss = ((guess - target).square() * weights).mean()
        loss.backward()
        self._optimizer.step(warm_then_decay(index, self.steps, warm=200, decay=self._decay))
        return {"loss": loss.item()}

    def _timesteps(self, rng: Any) -> Tensor:
        """Most of them where the noise is high enough for the prompt to matter."""
        anywhere = rng.integers(0, 1000, self._batch)
        noisy = rng.integers(250, 980, self._batch)
        return torch.from_numpy(np.where(rng.random(self._batch) < 0.3, anywhere, noisy)).to(self._device)

    def _hear(self, captions: list[str]) -> Tensor:
        with torch.no_grad():
            return self._encoder(tokenize(self._tokenizer, captions).to(self._device)).last_hidden_state

    def draw(self, prompts: list[str], *, guidance: float = 7.0, steps: int = 20, seed: int = 0) -> Tensor:
        """Pictures (N, 3, 128, 128) in −1…1, by DPM++ 2M with guidance, from the weights as they are."""
        scheduler = DPMSolverMultistepScheduler(**NOISE_CONFIG, timestep_spacing="leading", steps_offset=1)
        scheduler.set_timesteps(steps)
        context = self._hear([""] * len(prompts) + prompts)
        shape = (1, *self._pool.latents.shape[1:])
        latents = torch.cat(
            [torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(prompts))]
        )
        latents = latents.to(self._device)
        with torch.no_grad():
            for t in scheduler.timesteps:
                empty, said = self._unet(torch.cat([latents, latents]), t, context).sample.chunk(2)
                latents = scheduler.step(empty + guidance * (said - empty), t, latents).prev_sample
            latents = latents * self._pool.std.to(latents) + self._pool.mean.to(latents)
            return torch.cat([self._vae.decode(z).sample for z in latents.split(8)])

    def sample(self, folder: Path, index: int) -> None:
        prompts = test_prompts(24, self._seed)
        with self._optimizer.averaged(self._compute):
            made = self.draw([text for _, text in prompts])
        to_grid(made.cpu(), 12, folder / f"{self.name}-{index:05d}.png")

    def finish(self) -> UNet2DConditionModel:
        self._optimizer.use(torch.float32, average=True)
        return self._unet

    def state(self) -> dict[str, Any]:
        return self._optimizer.state()

    def load(self, state: dict[str, Any]) -> None:
        self._optimizer.load(state)


def test_prompts(count: int, seed: int) -> list[tuple[Scene, str]]:
    """Scenes of never-trained combinations, each with a full caption, by turns English and Russian."""
    rng = random_numbers(seed, "test prompts", 0)
    speaker = Speaker(rng)
    choices = combinations(unseen=True)
    prompts = []
    for i in range(count):
        scene = random_scene(rng, choices)
        mention = dataclasses.replace(speaker.notice(scene), **{k: getattr(scene, k) for k in MENTIONED})
        prompts.append((scene, speaker.say(mention, language=("en", "ru")[i % 2], fillers=0.0)))
    return prompts


MENTIONED = ("thing", "colour", "background", "size", "position")
