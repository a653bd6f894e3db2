"""Previews of a picture in the making: a linear map from the predicted clean latents to colours.

The map is fitted by least squares to the checkpoint's own VAE, once, on a chart of colours: no table of known families
to keep, and right for checkpoints with a VAE of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor

CHART_LATENTS = 32
"""Latents along a side of the chart that the map is fitted on."""
FINE = 8
"""Pixels of a colour, along a side."""
SEED = 20


class LinearPreview:
    """Latents to colours: rgb = weights·latents + bias, per latent, of which some are several colours."""

    def __init__(self, weights: Tensor, bias: Tensor, downscale: int) -> None:
        """`weights` (3·n², C) and `bias` (3·n²,), for n × n colours in 0…255; a latent covers `downscale`² pixels."""
        self._weights, self._bias, self._side = weights, bias, math.isqrt(len(bias) // 3)
        self._downscale = downscale // self._side

    def picture(self, clean: Tensor, inner: tuple[int, int], size: tuple[int, int]) -> Image.Image:
        """The upper left `inner` pixels of what clean latents (1, C, h, w) show, at `size`: both (width, height)."""
        latents = clean[0].to("cpu", torch.float32)
        known = torch.einsum("oc,chw->ohw", self._weights, latents) + self._bias[:, None, None]
        colours = torch.nn.functional.pixel_shuffle(known, self._side).permute(1, 2, 0)
        small = Image.fromarray(colours.clamp(0, 255).round().byte().contiguous().numpy())
        across, down = inner[0] / self._downscale, inner[1] / self._downscale
        shown = small.crop((0, 0, math.ceil(across), math.ceil(down)))
        return shown.resize(size, Image.Resampling.BILINEAR, box=(0, 0, across, down))


def fit(encode: Callable[[Tensor], Tensor], downscale: int) -> LinearPreview:
    """The best linear map for a VAE: least squares from the latents of a colour chart to its shrunk pixels.

    `encode` takes pixels (1, 3, H, W) in −1…1 and gives latents (1, C, h, w). A latent of more than 8 × 8 pixels is a
    colour for each 8 × 8.
    """
    side = max(1, downscale // FINE)
    pixels = _chart(CHART_LATENTS * downscale)
    latents = encode(pixels)[0].to("cpu", torch.float32).flatten(1).T
    shrunk = torch.nn.functional.avg_pool2d(pixels, downscale // side)
    colours = (torch.nn.functional.pixel_unshuffle(shrunk, side)[0].flatten(1).T + 1) * 127.5
    known = torch.cat([latents, torch.ones(len(latents), 1)], 1)
    # By singular values: the default driver misjudges the rank where channels depend on each other.
    solution = torch.linalg.lstsq(known.double(), colours.double(), driver="gelsd").solution.float()
    return LinearPreview(solution[:-1].T.contiguous(), solution[-1].clone(), downscale)


def latents_bytes(clean: Tensor) -> bytes:
    """Clean latents (1, C, h, w) as a safetensors file: `latents`, float16, (C, h, w)."""
    return save({"latents": clean[0].to("cpu", torch.float16).contiguous()})


def _chart(side: int) -> Tensor:
    """Patches of all sorts of colours, plain and blended, (1, 3, side, side) in −1…1: the same every time."""
    generator = torch.Generator("cpu").manual_seed(SEED)
    patches = torch.rand(1, 3, 8, 8, generator=generator) * 2 - 1
    shades = torch.rand(1, 3, 5, 5, generator=generator) * 2 - 1
    plain = torch.nn.functional.interpolate(patches, (side, side), mode="nearest")
    blended = torch.nn.functional.interpolate(shades, (side, side), mode="bicubic").clamp(-1, 1)
    return torch.cat([plain[..., : side // 2], blended[..., side // 2 :]], 3)
