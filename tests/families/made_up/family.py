"""The second: its engine file. Letters become a few numbers, one convolution denoises, and a VAE folds 8 × 8 pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from imagine.engine.adapters.adapter import Networks
from imagine.engine.device.device import Device
from imagine.engine.execution.execution import Inputs
from imagine.engine.families.family import Conditioning, EncodeRequest
from imagine.engine.loading.assembly import build, fill
from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.parts.autoencoder import Coded
from imagine.engine.parts.part import Held, ModulePart, Part, Stage
from imagine.engine.parts.part_key import PartKey, files_of
from imagine.engine.parts.rows import Rows, concatenated, shape_of
from imagine.engine.parts.slices import Slices
from imagine.engine.sampling.guidance import Guided, guided
from imagine.engine.sampling.noise import Noise
from imagine.families.facts import FamilyFacts
from imagine.words.model import Model

LETTERS, WIDTH = 128, 4


class Network(nn.Module):
    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype


class Letters(Network):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(LETTERS, WIDTH)

    def forward(self, text: str) -> Tensor:
        ids = torch.tensor([ord(letter) % LETTERS for letter in text] or [0], device=self.device)
        return self.table(ids).mean(0, keepdim=True)


class Brush(Network):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Conv2d(3, 3, 3, padding=1)
        self.words = nn.Linear(WIDTH, 3)

    def forward(self, latents: Tensor, timesteps: Tensor, words: Tensor) -> Tensor:
        added = self.words(words) + timesteps.to(words)[:, None] / 1000
        return self.kernel(latents) + added[:, :, None, None]


class Folded(Network):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 3, 1)
        self.decoder = nn.Conv2d(3, 3, 1)


PARTS = {
    "text_encoders.letters.": Letters,
    "model.diffusion_model.": Brush,
    "vae.": Folded,
}


class MadeUp:
    """One loaded checkpoint."""

    space, downscale = "made-up", 8
    takes_mask = takes_map = False
    warnings = ()
    embedder = None
    heard_as = None
    seen_as = None

    def __init__(self, facts: FamilyFacts, text: ModulePart, brush: ModulePart, vae: ModulePart) -> None:
        self.name, self.native, self.multiple = facts.name, facts.native, facts.multiple
        self.latent_channels = facts.latent_channels
        self._text, self._brush, self._vae = text, brush, vae
        self.dtype = str(brush.dtype).removeprefix("torch.")

    def parts(self, stage: Stage) -> Sequence[Part]:
        return ({"encode": self._text, "denoise": self._brush, "decode": self._vae}[stage],)

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._brush.module}

    def executed(self) -> Mapping[str, object]:
        return {}

    def share(self, _size: tuple[int, int], _told: int | None = None) -> int:
        return 0

    def noise(self, _size: tuple[int, int], _steps: int) -> Noise:
        return Noise()

    def cfg(self, told: Guided) -> float:
        return told.guidance

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        return guided(negative, positive, scale)

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        positive = {"words": self._text.module(request.prompt)}
        negative = request.negative
        return Conditioning(positive, None if negative is None else {"words": self._text.module(negative)})

    def shape(self, rows: Rows) -> tuple[object, ...]:
        return shape_of(rows)

    def collate(self, rows: Sequence[Rows]) -> Rows:
        return concatenated(rows)

    @torch.inference_mode()
    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        return self._brush.module(latents, timesteps, rows["words"]).float()

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        return Inputs(latents, timesteps, rows["words"], None)

    @torch.inference_mode()
    def encode_picture(self, pixels: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        yield from ()
        return Coded(self._vae.module.encoder(avg_pool2d(pixels.to(self._vae.home), 8)))

    @torch.inference_mode()
    def decode(self, latents: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        yield from ()
        return Coded(interpolate(torch.tanh(self._vae.module.decoder(latents)), scale_factor=8.0).cpu())

    def inpainting_channels(self, mask: Tensor, masked: Tensor) -> Tensor:
        raise AssertionError("it takes no mask")


def open_made_up(model: Model, facts: FamilyFacts, device: Device, progress: Any, _held: Held) -> MadeUp:
    weights = CheckpointFile(model.main.path)
    dtype = device.precision.decide(facts.dtypes, lambda: WIDTH)
    parts = []
    for prefix, network in PARTS.items():
        tensors = {name.removeprefix(prefix): weights.read(name) for name in weights.names if name.startswith(prefix)}
        module = fill(build(network.__name__, network, tensors), tensors, device.torch, dtype)
        parts.append(ModulePart(module, PartKey(files_of(model.main), prefix, str(dtype))))
    progress(1.0)
    return MadeUp(facts, *parts)
