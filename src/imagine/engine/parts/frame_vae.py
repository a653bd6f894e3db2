"""The VAE of Wan and of Qwen-Image, as far as one frame goes.

Wan et al. 2025 (arXiv:2503.20314). It was made for moving pictures: its convolutions look back in time, where nothing
but zeros stands before a first frame. Of their kernels the last slice alone sees anything then, and what halves or
doubles frames isn't asked at all, so for a picture it is a network of plain convolutions, of a third of the work. The
order of operations is that of diffusers' `AutoencoderKLQwenImage` (0.42, Apache-2.0), which
`tests/engine/test_frame_vae.py` holds it to.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..libraries.light import AutoencoderKL

_TILE, _OVERLAP = 32, 0.25
"""In latents, and the part of it that neighbours share, where nobody says otherwise."""
_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922,
    -0.9497, 0.2503, -0.2921,
)  # fmt: skip
_DEVIATION = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253,
    2.8251, 1.9160,
)  # fmt: skip
"""Of the published one, as diffusers has them: no file of its weights says them."""


class FrameVaeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Its sizes, those that other VAEs have too under diffusers' names of them."""

    in_channels: int
    latent_channels: int
    block_out_channels: tuple[int, ...]
    """Of each level, from that of pixels on."""
    layers_per_block: int
    """On the way down; on the way up there is one more."""
    first: int
    """Channels behind the first convolution."""
    latents_mean: tuple[float, ...] = _MEAN
    latents_std: tuple[float, ...] = _DEVIATION
    """Of the latents that it was trained to make, each of them."""


class FrameVae(nn.Module):
    """Pixels (rows, 3, H, W) to moments of latents, and latents to pixels; asked layer by layer (`vae_slices`)."""

    tile_overlap_factor = _OVERLAP
    blend_h, blend_v = AutoencoderKL.blend_h, AutoencoderKL.blend_v

    def __init__(self, config: FrameVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.tile_latent_min_size = _TILE
        self.tile_sample_min_size = _TILE * 2 ** (len(config.block_out_channels) - 1)
        moments = 2 * config.latent_channels
        self.encoder, self.decoder = _FrameEncoder(config, moments), _FrameDecoder(config)
        self.quant_conv = nn.Conv2d(moments, moments, 1)
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)

    @property
    def dtype(self) -> torch.dtype:
        return self.quant_conv.weight.dtype


class _FrameEncoder(nn.Module):
    def __init__(self, config: FrameVaeConfig, moments: int) -> None:
        super().__init__()
        widths = config.block_out_channels
        self.conv_in = nn.Conv2d(config.in_channels, config.first, 3, padding=1)
        self.down_blocks = nn.ModuleList(_down(config))
        self.mid_block = _middle(widths[-1])
        self.conv_norm_out, self.conv_act = _ChannelNorm(widths[-1]), nn.SiLU()
        self.conv_out = nn.Conv2d(widths[-1], moments, 3, padding=1)


class _FrameDecoder(nn.Module):
    def __init__(self, config: FrameVaeConfig) -> None:
        super().__init__()
        widths = config.block_out_channels
        self.conv_in = nn.Conv2d(config.latent_channels, widths[-1], 3, padding=1)
        self.mid_block = _middle(widths[-1])
        self.up_blocks = nn.ModuleList(_up(config))
        self.conv_norm_out, self.conv_act = _ChannelNorm(widths[0]), nn.SiLU()
        self.conv_out = nn.Conv2d(widths[0], config.in_channels, 3, padding=1)


def _middle(width: int) -> nn.Sequential:
    return nn.Sequential(_FrameResidual(width, width), _FrameAttention(width), _FrameResidual(width, width))


def _down(config: FrameVaeConfig) -> Iterator[nn.Module]:
    """All layers, level by level."""
    seen = config.first
    for level, width in enumerate(config.block_out_channels):
        for _ in range(config.layers_per_block):
            yield _FrameResidual(seen, width)
            seen = width
        if level < len(config.block_out_channels) - 1:
            halved = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(width, width, 3, stride=2))
            yield _FrameResampled(halved)


def _up(config: FrameVaeConfig) -> Iterator[nn.Module]:
    """All layers, level by level; what doubles the sides leaves half of the channels."""
    widths = config.block_out_channels[::-1]
    seen = widths[0]
    for level, width in enumerate(widths):
        for _ in range(config.layers_per_block + 1):
            yield _FrameResidual(seen, width)
            seen = width
        if level < len(widths) - 1:
            seen = width // 2
            doubled = nn.Sequential(nn.UpsamplingNearest2d(scale_factor=2), nn.Conv2d(width, seen, 3, padding=1))
            yield _FrameResampled(doubled)


class _ChannelNorm(nn.Module):
    """Of the root of the mean square over channels, pixel by pixel, in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width, 1, 1))
        self._scale = width**0.5

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = functional.normalize(value.float(), dim=1).to(value.dtype) * self._scale * self.gamma
        return made


class _FrameResidual(nn.Module):
    def __init__(self, seen: int, made: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _ChannelNorm(seen), nn.Conv2d(seen, made, 3, padding=1)
        self.norm2, self.conv2 = _ChannelNorm(made), nn.Conv2d(made, made, 3, padding=1)
        self.conv_shortcut = nn.Identity() if seen == made else nn.Conv2d(seen, made, 1)

    def forward(self, value: Tensor) -> Tensor:
        inner = self.conv1(functional.silu(self.norm1(value)))
        made: Tensor = self.conv2(functional.silu(self.norm2(inner))) + self.conv_shortcut(value)
        return made


class _FrameAttention(nn.Module):
    """Every place sees every other, with a single head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _ChannelNorm(width)
        self.to_qkv, self.proj = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)

    def forward(self, value: Tensor) -> Tensor:
        flat = self.to_qkv(self.norm(value)).flatten(2).transpose(1, 2)[:, None].contiguous()
        seen = functional.scaled_dot_product_attention(*flat.chunk(3, -1))
        made: Tensor = self.proj(seen[:, 0].transpose(1, 2).reshape(value.shape)) + value
        return made


class _FrameResampled(nn.Module):
    """Half as many pixels along a side, or twice as many."""

    def __init__(self, resample: nn.Sequential) -> None:
        super().__init__()
        self.resample = resample

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.resample(value)
        return made
