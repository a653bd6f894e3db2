"""The denoiser's stage: v-prediction on cached latents, with the text encoder frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from imagine.training.loop import random_numbers, torch_numbers
from imagine.training.optimizer import warm_then_decay
from imagine.training.state import keep, kept
from tools.toybox.captions import Speaker
from tools.toybox.judge import judge
from tools.toybox.models import DOWNSCALE, GUIDANCE, NOISE_CONFIG, POSTERIOR_LOG_VARIANCE, alphas_cumprod
from tools.toybox.text import tokenize
from tools.toybox.training import Optimizer, to_grid, to_picture, to_tensor
from tools.toybox.world import SIDE, Scene, combinations, draw, random_scene

THING_WEIGHT = 3.0
"""How much more a latent under the thing counts than one of the plain background."""
HARDEST = ("sun", "star", "house")
EMPTY = 0.1
"""How many captions are empty, for classifier-free guidance."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Scenes and their latents (N, 4, 16, 16), scaled to mean 0 and deviation 1 in each channel by `mean` and `std`."""

    scenes: list[Scene]
    latents: Tensor
    mean: Tensor
    std: Tensor

    def of(self, chosen: Sequence[int]) -> Pool:
        """Some of it."""
        return Pool([self.scenes[i] for i in chosen], self.latents[list(chosen)], self.mean, self.std)


def make_pool(
    vae: AutoencoderKL, count: int, seed: int, folder: Path, device: torch.device, name: str = "pool"
) -> Pool:  # fmt: skip
    """Draw and encode `count` training scenes, or read them back from `folder`."""
    rng = random_numbers(seed, name, 0)
    choices = combinations(unseen=False)
    scenes = [random_scene(rng, choices) for _ in range(count)]
    file = folder / f"{name}.safetensors"
    if found := kept(file):
        saved, _ = found
        return Pool(scenes, saved["latents"].to(device), saved["mean"], saved["std"])
    made = []
    with torch.no_grad():
        for i in tqdm(range(0, count, 32), desc="latents", unit="batch"):
            pictures = to_tensor(draw(s) for s in scenes[i : i + 32]).to(device, memory_format=torch.channels_last)
            made.append(vae.encode(pictures).latent_dist.mean.cpu())
    latents = torch.cat(made)
    mean, std = latents.mean((0, 2, 3), keepdim=True), latents.std((0, 2, 3), keepdim=True)
    latents = ((latents - mean) / std).contiguous()
    keep(file, {"latents": latents, "mean": mean, "std": std}, {"count": count})
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

    `often` says of some things, of a size or a colour too, how many times as often as the others they are drawn,
    `noisy` which share of the timesteps is from the range where the prompt matters most; the others are from anywhere,
    so that edges get theirs.
    """

    def __init__(
        self, name: str, unet: UNet2DConditionModel, encoder: CLIPTextModel, tokenizer: CLIPTokenizer,
        vae: AutoencoderKL, pool: Pool, *, seed: int, steps: int, batch: int, rate: float, decay: float,
        compute: torch.dtype, device: torch.device, often: Mapping[str, float] | None = None,
        noisy: float = 0.7, average: float = 0.999,
    ) -> None:  # fmt: skip
        self.name, self.steps, self._decay, self._noisy = name, steps, decay, noisy
        shares = np.array([_times(often, s) for s in pool.scenes]) if often else None
        self._shares = None if shares is None else shares / shares.sum()
        unet.set_attn_processor(AttnProcessor())  # on a CPU 1.3× faster to train than the fused kernel (measured)
        self._unet = unet.to(device, memory_format=torch.channels_last)
        self._encoder, self._tokenizer, self._vae, self._pool = encoder.to(device), tokenizer, vae, pool
        self._seed, self._batch, self._compute, self._device = seed, batch, compute, device
        self._signal = alphas_cumprod().sqrt().to(device)
        self._noise = (1 - alphas_cumprod()).sqrt().to(device)
        self._optimizer = Optimizer(unet, rate, compute=compute, average=average)

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
        anywhere = rng.integers(0, 1000, self._batch)
        noisy = rng.integers(250, 980, self._batch)
        return torch.from_numpy(np.where(rng.random(self._batch) < 1 - self._noisy, anywhere, noisy)).to(self._device)

    def _hear(self, captions: list[str]) -> Tensor:
        with torch.no_grad():
            return self._encoder(tokenize(self._tokenizer, captions).to(self._device)).last_hidden_state

    def draw(self, prompts: list[str], *, guidance: float, steps: int = 20, seed: int = 0) -> Tensor:
        """Pictures (N, 3, 128, 128) in −1…1, by DPM++ 2M with guidance, from the weights as they are."""
        return self.decoded(self.latents(prompts, guidance=guidance, steps=steps, seed=seed), self._vae)

    def latents(self, prompts: list[str], *, guidance: float, steps: int = 20, seed: int = 0) -> Tensor:
        """What such pictures are decoded from."""
        shape = (1, *self._pool.latents.shape[1:])
        latents = torch.cat(
            [torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(prompts))]
        )
        return self._denoised(latents.to(self._device), prompts, solver(steps), 0, guidance)

    @torch.no_grad()
    def decoded(self, latents: Tensor, vae: AutoencoderKL) -> Tensor:
        """What a decoder makes of latents."""
        latents = latents * self._pool.std.to(latents) + self._pool.mean.to(latents)
        return torch.cat([vae.decode(z).sample for z in latents.split(8)])

    def redo(self, some: Pool, steps: int, *, of: int, guidance: float, generator: torch.Generator) -> Tensor:
        """Latents of a few scenes, noised and taken through the last `steps` steps `of` so many again."""
        latents = some.latents
        prompts = [Speaker(np.random.default_rng(i)).speak_of(s, empty=0)[1] for i, s in enumerate(some.scenes)]
        scheduler = solver(of)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        begin = scheduler.timesteps[of - steps : of - steps + 1]
        latents = scheduler.add_noise(latents, noise, begin.expand(len(latents)))
        return self._denoised(latents, prompts, scheduler, of - steps, guidance)

    def _denoised(
        self, latents: Tensor, prompts: list[str], scheduler: DPMSolverMultistepScheduler, begin: int, guidance: float
    ) -> Tensor:  # fmt: skip
        """Latents after all the scheduler's steps from number `begin` on."""
        context = self._hear([""] * len(prompts) + prompts)
        scheduler.set_begin_index(begin)
        with torch.no_grad():
            for t in scheduler.timesteps[begin:]:
                empty, said = self._unet(torch.cat([latents, latents]), t, context).sample.chunk(2)
                latents = scheduler.step(empty + guidance * (said - empty), t, latents).prev_sample
        return latents

    def sample(self, folder: Path, index: int) -> None:
        """A grid of never-trained combinations and, of the things that are hard to draw, how many the judge tells."""
        prompts = test_prompts(24, self._seed)
        hard = [(s, text) for s, text in test_prompts(160, self._seed + 1) if s.thing in HARDEST][:40]
        with self._optimizer.averaged(self._compute):
            made = self.draw([text for _, text in prompts + hard], guidance=GUIDANCE)
        to_grid(made.cpu(), 16, folder / f"{self.name}-{index:05d}.png")
        right = [judge(to_picture(p)).thing == s.thing for p, (s, _) in zip(made, prompts + hard, strict=True)]
        with (folder / f"{self.name}.judged.txt").open("a") as file:
            file.write(f"{index} things {sum(right[:24])}/24, hard ones {sum(right[24:])}/{len(hard)}\n")

    def finish(self) -> UNet2DConditionModel:
        self._optimizer.hold(torch.float32, average=True)
        return self._unet

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)


def _times(often: Mapping[str, float], scene: Scene) -> float:
    """By its size, its colour or as such, whichever is most; once where nothing is said of it."""
    said = (f"{scene.size} {scene.thing}", f"{scene.colour} {scene.thing}", scene.thing)
    return max((often[name] for name in said if name in often), default=1.0)


def solver(steps: int) -> DPMSolverMultistepScheduler:
    """DPM++ 2M, as the shipped file is drawn with."""
    scheduler = DPMSolverMultistepScheduler(**NOISE_CONFIG, timestep_spacing="leading", steps_offset=1)
    scheduler.set_timesteps(steps)
    return scheduler


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
