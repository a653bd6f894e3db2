"""Pixels to latents and back through a checkpoint's VAE, whatever its precision bears.

Half precision overflows in some VAEs. One that is known to (SDXL's) works in float32 from the start. Of any other, what
has NaN or no light at all is made again in float32. That is found out anew for each picture, so that its bits never
depend on those before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ...messages import Message, message
from ..device.memory import widened
from ..device.transfer import sent
from ..execution.wrapping import around, wrapped
from .part import ModulePart
from .part_key import PartKey
from .slices import Slices, in_one, whole
from .vae_slices import decode_parts, encode_parts

_QUICK = 1024**2
"""Pixels that an accelerator codes in a fraction of a second."""
OVERFLOWED = message("vae.overflowed")
TILE = 64
"""The longest side of a tile, in latents: 512 pixels."""
MARGIN = 16
"""Latents of its other side that a picture whose edges meet has at each side where it is coded in tiles."""
_WHOLE = 4
"""Tiles' sides are multiples of so many latents, so that their overlap, a quarter, is whole."""


class CodingWay(NamedTuple):
    """How a VAE is to go about it."""

    tiled: bool
    """In tiles, for less memory."""
    wraps: bool
    """The picture's edges meet."""


class Coded(NamedTuple):
    """Latents (1, C, h, w) or pixels (1, 3, H, W), float32, and what was given up for them."""

    values: Tensor
    warning: Message | None = None


class Code(Protocol):
    """`decode_parts` or `encode_parts`."""

    def __call__(self, vae: Any, value: Tensor, /, *, tiled: bool) -> Slices[Tensor]: ...


class Autoencoder(ModulePart):
    """A diffusers `AutoencoderKL` on its device; `scale` and `shift` map its latents to the denoiser's. One that
    `overflows` never works in float16.

    May be called from several threads, and its work in parts taken turns with: one part after another.
    """

    def __init__(
        self, vae: Any, key: PartKey | None = None, *, scale: float, shift: float = 0.0, overflows: bool = False
    ) -> None:  # fmt: skip
        super().__init__(vae, key)
        self._scale, self._shift, self._overflows = scale, shift, overflows
        self._lock = threading.Lock()
        self._laid_out = False

    @property
    def shift(self) -> float:
        """What encoding takes off each latent, in the denoiser's scale."""
        return self._shift * self._scale

    def encoding(self, pixels: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        """Pixels (1, 3, H, W) in −1…1 to latents: the mode of the posterior. `tiled` needs less memory; where it
        `wraps`, the picture's edges meet."""
        mode, warning = yield from self._run(encode_parts, pixels, _not_finite, CodingWay(tiled, wraps))
        return Coded((mode - self._shift) * self._scale, warning)

    def decoding(self, latents: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        """Latents to pixels in −1…1, on the CPU. `tiled` and `wraps` as above."""
        latents = latents / self._scale + self._shift
        pixels, warning = yield from self._run(decode_parts, latents, _not_finite_or_black, CodingWay(tiled, wraps))
        return Coded(pixels.cpu(), warning)

    def _run(self, code: Code, value: Tensor, broken: Callable[[Tensor], bool], way: CodingWay) -> Slices[Coded]:
        own = self.dtype  # noted: diffusers goes through all of a network to tell it, for each of its layers
        known = own == torch.float16 and self._overflows
        if not known:
            made = yield from self._coded(code, value, own, way)
            if own == torch.float32 or not broken(made):
                return Coded(made)
            del made
        return Coded((yield from self._coded(code, value, torch.float32, way)), None if known else OVERFLOWED)

    def _coded(self, code: Code, value: Tensor, dtype: torch.dtype, way: CodingWay) -> Slices[Tensor]:
        """Made in `dtype`. In between, the VAE is another's, and as it was."""
        downscale, in_pixels = _downscale(self.module), value.shape[1] == 3
        # A tile has edges of its own: it is the picture that goes on beyond its own.
        margin = MARGIN * (downscale if in_pixels else 1) if way == (True, True) else 0
        with self._lock:
            self._lay_out()
            if way.tiled:
                set_tiles(self.module, max(value.shape[2:]) // (downscale if in_pixels else 1))
            given = sent(around(value, margin) if margin else value, self.inputs_go_to).to(dtype)
            parts = code(self.module, given, tiled=way.tiled)
        wide: dict[int, Tensor] | None = None if self.visits else {}  # its tensors are others at each visit
        if self._is_quick(value):
            parts = in_one(partial(whole, parts))
        while True:
            with (
                self._lock, self.there(), widened(self.module, wide) if dtype != self.dtype else nullcontext(),
                wrapped(self.module) if way == (False, True) else nullcontext(),
            ):  # fmt: skip
                try:
                    next(parts)
                except StopIteration as end:
                    made: Tensor = end.value
                    # Contiguous: what the denoiser makes of latents would depend on how they and their neighbours lie
                    # in memory.
                    return _within(made.float(), margin // downscale if in_pixels else margin * downscale).contiguous()
            yield

    def _is_quick(self, value: Tensor) -> bool:
        """Done in no time, of pixels (1, 3, H, W) or latents: casting and waiting for each part would be felt."""
        if self.inputs_go_to.type == "cpu":
            return False
        downscale = 1 if value.shape[1] == 3 else _downscale(self.module)
        return value.shape[2] * value.shape[3] * downscale**2 <= _QUICK

    def _lay_out(self) -> None:
        """On a CPU, have the channels last: its convolutions take 0.73 to 0.93 of the time then (measured).

        At first use, so that loading copies nothing. Not the denoiser: 0.97 at SD1.5's size, 1.15 at Toybox's.
        """
        if not self._laid_out and self.inputs_go_to.type == "cpu":
            torch.nn.Module.to(self.module, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._laid_out = True


def set_tiles(vae: Any, side: int) -> None:
    """Make a VAE's tiles smaller than a picture of `side` latents: as they come they are as large as what the VAE was
    trained on, and so do nothing for pictures of that size."""
    if hasattr(vae, "tile_latent_min_size"):
        latents = max(_WHOLE, min(TILE, -(-side // (2 * _WHOLE)) * _WHOLE))
        vae.tile_latent_min_size, vae.tile_sample_min_size = latents, latents * _downscale(vae)


def _downscale(vae: Any) -> int:
    """Pixels per latent, along a side."""
    config: Any = getattr(vae, "config", None)
    names = ("block_out_channels", "encoder_block_out_channels")
    levels = next((getattr(config, name) for name in names if hasattr(config, name)), (0,) * 4)
    return 2 ** (len(levels) - 1)


def _within(made: Tensor, margin: int) -> Tensor:
    """Without its margins."""
    return made[:, :, margin:-margin, margin:-margin] if margin else made


def _not_finite(made: Tensor) -> bool:
    return not bool(torch.isfinite(made).all())


def _not_finite_or_black(made: Tensor) -> bool:
    # One answer: each would be a wait for the device.
    return bool(torch.isfinite(made).all().logical_not() | (made < -0.999).all())
