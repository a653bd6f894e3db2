"""What every family has whose denoiser is run an evaluation at a time: its parts, its pictures, how its rows are
joined."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from msgspec.structs import replace
from torch import Tensor

from ...families.facts import Shift
from ...messages import Message, message
from ...words.errors import Unsupported
from ..execution.execution import Home, Inputs
from ..parts.autoencoder import Autoencoder, Coded
from ..parts.denoiser import DenoiserPart
from ..parts.part import Part, Stage
from ..parts.picture_embedder import PictureEmbedder
from ..parts.rows import Rows, concatenated, shape_of
from ..parts.seen_sizes import SeenAs
from ..parts.slices import Slices
from ..sampling.guidance import guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest


class Warned(Protocol):
    """What an encoder makes of a prompt."""

    @property
    def warnings(self) -> tuple[Message, ...]:
        """What whoever wrote it is told."""


Heard = TypeVar("Heard", bound=Warned)


class SteppedModel:
    """The half of a `Family` that doesn't depend on what kind of network its denoiser is, nor on what it is told."""

    downscale = 8
    takes_mask = takes_map = False
    embedder: PictureEmbedder | None = None
    seen_as: SeenAs | None = None
    heard_as: SeenAs | None = None

    def __init__(
        self, name: str, *, denoiser: DenoiserPart, encoders: Sequence[Part], autoencoder: Autoencoder, noise: Noise,
        native: int, shift: Shift | None = None, widest: int | None = None, warnings: tuple[Message, ...] = (),
    ) -> None:  # fmt: skip
        """`noise` is that of pictures of any size, but for how far a flow's levels are moved, which `shift` says;
        `widest` is the longest side that it has places for, in pixels, where there is one."""
        self._shift, self._widest = shift, widest
        self.name, self._noise, self.native, self.warnings = name, noise, native, warnings
        self._denoiser, self._encoders, self._autoencoder = denoiser, tuple(encoders), autoencoder
        self.latent_channels = denoiser.latent_channels
        self.dtype = str(denoiser.dtype).removeprefix("torch.")

    def parts(self, stage: Stage) -> Sequence[Part]:
        return {"encode": self._encoders, "denoise": (self._denoiser,), "decode": (self._autoencoder,)}[stage]

    @property
    def home(self) -> Home:
        return Home(self._denoiser.home, self._denoiser.dtype)

    @property
    def latent_shift(self) -> float:
        return self._autoencoder.shift

    def executed(self) -> Mapping[str, Any]:
        return self._denoiser.execution.recorded()

    def share(self, size: tuple[int, int], told: int | None = None) -> int:
        return self._denoiser.share(size[0] // self.downscale * (size[1] // self.downscale), told)

    def noise(self, size: tuple[int, int], _steps: int) -> Noise:
        """Raises Unsupported for a picture that it has no places for."""
        for field, side in zip(("width", "height"), size, strict=True):
            if self._widest is not None and side > self._widest:
                raise Unsupported(message("size.places", field, value=side, most=self._widest))
        shift = self._shift
        return self._noise if shift is None else replace(self._noise, shift=shift.at(*size), terminal=shift.terminal)

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        return guided(negative, positive, scale)

    def shape(self, rows: Rows) -> Hashable:
        return shape_of(rows)

    def collate(self, rows: Sequence[Rows]) -> Rows:
        return concatenated(rows)

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        """What any network is asked; what is `added` is for the families to say."""
        return Inputs(latents.to(self._denoiser.dtype), timesteps, rows["context"], None)

    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        asked = self.inputs(latents, timesteps, rows)
        if "inpainting" in rows:
            asked = asked._replace(latents=torch.cat([asked.latents, rows["inpainting"].to(asked.latents)], 1))
        return self._denoiser.run(asked)

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        return self._autoencoder.encoding(pixels, tiled=tiled, wraps=wraps)

    def decode(self, latents: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        return self._autoencoder.decoding(latents, tiled=tiled, wraps=wraps)

    def inpainting_channels(self, _mask: Tensor, _masked: Tensor) -> Tensor:
        raise AssertionError(f"{self.name} takes no mask")


def conditioned(request: EncodeRequest, encode: Callable[..., Heard], rows: Callable[[Heard], Rows]) -> Conditioning:
    """The prompt and, where there is one, the negative prompt, as `encode` hears them and as `rows` holds them."""
    hear = partial(encode, clip=request.clip, mix=request.mix, words=request.words)
    heard = hear(request.prompt)
    if request.negative is None:
        return Conditioning(rows(heard), warnings=heard.warnings)
    against = hear(request.negative, field="neg")
    return Conditioning(rows(heard), rows(against), heard.warnings + against.warnings)
