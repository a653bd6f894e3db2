"""What loading gives: networks ready to infer, what they need to know of each other, and how the loading went."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...messages import Message
from ..parts.part_key import PartKey
from ..parts.picture_embedder import Noising
from ..sampling.noise import Noise
from .tokenizer import ClipTokenizer

_log = logging.getLogger(__name__)


@dataclass
class LoadReport:
    """How it went: `seconds` per stage, the bytes of the files, what had to be cast, and sentences for the user."""

    seconds: dict[str, float] = field(default_factory=dict)
    bytes_mapped: int = 0
    cold: bool = False
    """The file was not in the page cache."""
    casts: list[str] = field(default_factory=list)
    warnings: list[Message] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def log(self, name: str) -> None:
        """For whoever looks why the model of that `name` took its time."""
        origin = "the disk" if self.cold else "memory"
        took = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in self.seconds.items())
        casts = "; ".join(["", *self.casts])
        _log.debug("opened %s: %.0f MiB from %s, %s%s", name, self.bytes_mapped / 2**20, origin, took, casts)


class PartKeys(NamedTuple):
    """Of each network."""

    text: tuple[PartKey, ...]
    unet: PartKey
    vae: PartKey
    embedder: PartKey | None = None


class EmbedderComponents(NamedTuple):
    """Of a model that is shown pictures: its `ClipVisionModel`, and how noise came into what that sees."""

    module: Any
    noising: Noising


@dataclass
class Components:
    """A Stable Diffusion checkpoint in diffusers' modules and our text models, without gradients, in eval mode.

    `family` is stable_diffusion, sd2, sdxl or sdxl_refiner. `tokenizers` go with `text_encoders`, one each.
    `resolution` is the side in pixels of the squares that it was trained on. A VAE's latents times `scaling_factor` are
    the denoiser's.
    """

    family: str
    unet: Any
    vae: Any
    text_encoders: list[Any]
    tokenizers: list[ClipTokenizer]
    noise: Noise
    resolution: int
    keys: PartKeys
    report: LoadReport
    embedder: EmbedderComponents | None = None

    @property
    def in_channels(self) -> int:
        """Of the U-Net: 4 latents, and for an inpainting checkpoint 5 more (mask, masked picture's latents)."""
        return int(self.unet.config.in_channels)

    @property
    def latent_channels(self) -> int:
        return int(self.vae.config.latent_channels)

    @property
    def scaling_factor(self) -> float:
        return float(self.vae.config.scaling_factor)
