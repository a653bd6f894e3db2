"""A tiny VAE's decoder: latents, in the denoiser's own scale, to a picture that is good enough for a preview.

The network is that of TAESD (Ollin Boer Bohan, https://github.com/madebyollin/taesd, MIT): blocks of three convolutions
beside a skip, and upsampling to twice the size between them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

TinyLayers = Mapping[int, Mapping[str, Tensor]]
"""The tensors of each layer, under TAESD's numbers: what has none there is an activation, or doubles the size."""
_BOUND = 3.0
"""Latents beyond this, either way, are pressed into it."""


class TinyDecoder(nn.Module):
    """Raises ValueError for layers that are no such decoder."""

    def __init__(self, layers: TinyLayers) -> None:
        super().__init__()
        if not layers or min(layers) != 1 or "weight" not in layers[1]:
            raise ValueError("it begins with no convolution")
        self.channels = int(layers[1]["weight"].shape[1])
        made: list[nn.Module] = []
        for number in range(1, max(layers) + 1):
            if number in layers:
                made.append(_layer(layers[number]))
            else:
                made.append(nn.ReLU() if number == 2 else nn.Upsample(scale_factor=2))
        self.layers = nn.Sequential(*made)
        self.scale = 2 ** sum(isinstance(layer, nn.Upsample) for layer in made)
        """Pixels along a latent's side."""
        last = made[-1]
        if not isinstance(last, nn.Conv2d) or last.out_channels != 3:
            raise ValueError("it ends with no picture")

    @torch.inference_mode()
    def forward(self, latents: Tensor) -> Tensor:
        """(1, C, h, w) to pixels (1, 3, H, W) in −1…1."""
        made: Tensor = self.layers(torch.tanh(latents / _BOUND) * _BOUND)
        return made.float().clamp(0, 1) * 2 - 1


def _layer(tensors: Mapping[str, Tensor]) -> nn.Module:
    layer = _convolution(tensors, "") if "weight" in tensors else _TinyBlock(tensors)
    layer.load_state_dict(dict(tensors))
    return layer


def _convolution(tensors: Mapping[str, Tensor], prefix: str) -> nn.Conv2d:
    weight = tensors.get(f"{prefix}weight")
    if weight is None or weight.dim() != 4 or weight.shape[2] != weight.shape[3] or not weight.shape[2] % 2:
        raise ValueError(f"{prefix}weight is no convolution's")
    made, taken, side = weight.shape[0], weight.shape[1], weight.shape[2]
    return nn.Conv2d(taken, made, side, padding=side // 2, bias=f"{prefix}bias" in tensors)


class _TinyBlock(nn.Module):
    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        first, second, third = (_convolution(tensors, f"conv.{place}.") for place in (0, 2, 4))
        self.conv = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
        self.skip = _convolution(tensors, "skip.") if "skip.weight" in tensors else nn.Identity()

    def forward(self, value: Tensor) -> Tensor:
        return torch.relu(self.conv(value) + self.skip(value))
