"""A picture's pixels to latents and back by its own model's VAE, and pixels enlarged between two passes.

What is odd about what comes out is said in its warnings, or raised.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ...messages import message
from ...words.errors import ImagineError
from ..families.enlarger import Enlarger
from ..families.family import Family
from ..parts.autoencoder import Coded
from ..parts.slices import Slices
from ..parts.strips import RESAMPLED, joined
from .canvas import Canvas, picture_from_pixels
from .joined_edges import WideFor
from .ledger import Ledger
from .passes import Pass
from .placement import PixelSize


class PictureCoder:
    """Of one picture."""

    def __init__(self, ledger: Ledger, own: Family, enlarger: Enlarger | None) -> None:
        """Without an `enlarger`, pictures are resampled."""
        self._ledger, self._own, self._enlarger = ledger, own, enlarger

    @property
    def _wraps(self) -> bool:
        return self._ledger.params.tiling

    def encoded(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, H, W) to latents on the denoiser's device."""
        return self._heard((yield from self._own.encode_picture(pixels, tiled=self._ledger.tiled, wraps=self._wraps)))

    def developed(self, done: Pass) -> Slices[Image.Image]:
        """The picture that a pass made, at its canvas' size."""
        if not done.sampler.evaluations and done.untouched is not None:
            return done.untouched
        return (yield from self._ledger.timing("decoding", self._decoded(done)))

    def enlarged(self, picture: Image.Image, canvas: Canvas, upscaler: str) -> Slices[Image.Image]:
        """A picture at another canvas' size."""
        if not canvas.wraps:
            return (yield from self._ledger.timing("upscaling", self._enlarged(picture, canvas.size, upscaler)))
        wide = WideFor(picture.size, canvas.size)
        made = yield from self._ledger.timing("upscaling", self._enlarged(wide.of(picture), wide.size, upscaler))
        return wide.within(made)

    def _decoded(self, done: Pass) -> Slices[Image.Image]:
        if not bool(torch.isfinite(done.latents).all()):
            raise ImagineError(message("model.overflowed", dtype=self._own.dtype))
        pixels = self._heard((yield from self._own.decode(done.latents, tiled=self._ledger.tiled, wraps=self._wraps)))
        if not bool(torch.isfinite(pixels).all()):
            raise ImagineError(message("vae.broken"))
        return done.canvas.finish(picture_from_pixels(pixels))

    def _enlarged(self, picture: Image.Image, size: PixelSize, upscaler: str) -> Slices[Image.Image]:
        if self._enlarger is None:
            return picture.resize(size, RESAMPLED[upscaler])
        if (note := self._enlarger.note(picture.size, size)) is not None:
            self._ledger.warn(note)
        return (yield from joined(self._enlarger.strips(picture, size, tiled=self._ledger.tiled), size))

    def _heard(self, coded: Coded) -> Tensor:
        if coded.warning is not None:
            self._ledger.warn(coded.warning)
        return coded.values
