"""A network of a control, as a picture in the making sees it: what it makes of a map once, and of each evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

from torch import Tensor
from torch.nn import Module

from ..execution.additions import Made
from ..execution.execution import Inputs

DOWNSCALE = 8
"""Pixels along a side of what a VAE makes one latent of."""
NO_LAYERS: Sequence[Module] = ()
"""What sees pictures by convolutions, of a network beside a transformer."""
Hint = Any
"""What a network made of a map, as only that network knows it."""


class SeenMap(NamedTuple):
    """A map as it is laid out for a pass."""

    pixels: Tensor
    """(1, 3, H, W) in 0…1, and −1 where an inpainting network is to paint."""
    latents: Tensor | None = None
    """(1, C, h, w) in the denoiser's scale, where its network has the VAE encode anything of it."""
    shift: float = 0.0
    """What encoding took off each of these."""


def as_they_are(pixels: Tensor) -> Tensor:
    """A map's pixels as a VAE takes them: 0…1 to −1…1; what is to be painted is black."""
    return pixels.clamp(min=0) * 2 - 1


def kept_of(pixels: Tensor) -> Tensor:
    """Which latents of a map aren't to be painted, (1, 1, h, w): each as its first pixel is."""
    return (pixels != -1).all(1, keepdim=True)[:, :, ::DOWNSCALE, ::DOWNSCALE]


class Summable(Made, Protocol):
    """What a control adds at an evaluation."""

    def plus(self, other: Any, /) -> Self:
        """The sum with another's of the same denoiser; these may become it."""


class ControlNetwork(Protocol):
    """Beside the denoiser of one model."""

    convolving: Sequence[Module]
    """Its networks that see maps and latents by convolutions, of a denoiser whose pictures' edges can meet."""

    def for_vae(self, pixels: Tensor, /) -> Tensor | None:
        """What the model's VAE is to encode, (1, 3, H, W) in its −1…1, of a map's pixels as `SeenMap` has them; None:
        it sees no latents."""

    def hint(self, seen: SeenMap, kind: str, /) -> Hint:
        """What it makes of a map of that `kind`: all that doesn't depend on the step. On the CPU, or where the network
        is. Raises BadRequest."""

    def residuals(self, asked: Inputs, hint: Hint, strength: float, sided: bool, /) -> Summable:
        """For what the denoiser is asked of one picture, of which the first row is a negative prompt's where it is
        `sided`. From any thread."""

    def check(self) -> None:
        """Raises ModelChanged where somebody wrote into its file while it was drawn with."""
