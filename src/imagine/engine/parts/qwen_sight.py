"""What sees of Qwen2.5-VL: a vision transformer that makes tokens of pictures, for the language half to hear.

Bai et al. 2025 (arXiv:2502.13923). Modules have the names, and operations the order, of those of transformers'
`Qwen2_5_VisionTransformerPretrainedModel` (5.24, Apache-2.0), which `tests/engine/test_qwen_image_edit.py` holds it to:
a picture is a film of two frames that are one, patches attend to each other within windows, and in a few layers to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..device.transfer import sent
from .qwen import QwenNorm, SwiGlu, Turned, turned_by

_THETA = 10_000.0
_EPSILON = 1e-6


class SightConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What settings say of it, under transformers' names; others are ignored."""

    depth: int
    hidden_size: int
    intermediate_size: int
    num_heads: int
    out_hidden_size: int
    patch_size: int
    temporal_patch_size: int
    spatial_merge_size: int
    """Patches along a side that become one token."""
    window_size: int = 112
    """Pixels along a side within which patches attend to each other."""
    fullatt_block_indexes: tuple[int, ...] = (7, 15, 23, 31)
    """The layers in which they attend to all."""

    @property
    def multiple(self) -> int:
        """Pixels along a side of a token."""
        return self.patch_size * self.spatial_merge_size


class Window(msgspec.Struct, frozen=True):
    """So many tokens' patches, which attend to each other alone, as often as there are such, one behind the other."""

    tokens: int
    times: int


class QwenSight(nn.Module):
    """Pixels (1, 3, H, W), normalised, to tokens (h · w, width), where a token is of `multiple` pixels a side."""

    def __init__(self, config: SightConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = _PatchEmbed(config)
        self.blocks = nn.ModuleList(_SightBlock(config) for _ in range(config.depth))
        self.merger = _Merger(config)

    @property
    def dtype(self) -> torch.dtype:
        return self.merger.ln_q.weight.dtype

    def forward(self, pixels: Tensor) -> Tensor:
        config = self.config
        high, wide = (side // config.multiple for side in pixels.shape[2:])
        order, windows = _windows(high, wide, config.window_size // config.multiple)
        each, device = config.spatial_merge_size**2, pixels.device
        cosines, sines = (sent(half, device) for half in _angles(high, wide, config))
        value = self.patch_embed(_patches(pixels, config))
        at = sent(order, device)
        value = value.view(high * wide, each, -1)[at].flatten(0, 1)
        turned = (
            cosines.view(high * wide, each, -1)[at].flatten(0, 1),
            sines.view(high * wide, each, -1)[at].flatten(0, 1),
        )
        for number, block in enumerate(self.blocks):
            among = (Window(high * wide, 1),) if number in config.fullatt_block_indexes else windows
            value = block(value, turned, [Window(part.tokens * each, part.times) for part in among])
        made: Tensor = self.merger(value)
        return made[sent(torch.argsort(order), device)]


def _patches(pixels: Tensor, config: SightConfig) -> Tensor:
    """(patches, 3 · frames · side²), those of a token one behind the other."""
    side, merged = config.patch_size, config.spatial_merge_size
    high, wide = (length // config.multiple for length in pixels.shape[2:])
    split = pixels[0].reshape(3, high, merged, side, wide, merged, side)
    patches = split.permute(1, 4, 2, 5, 0, 3, 6).flatten(0, 3)
    return patches[:, :, None].expand(-1, -1, config.temporal_patch_size, -1, -1).flatten(1)


@lru_cache(maxsize=4)
def _windows(high: int, wide: int, side: int) -> tuple[Tensor, tuple[Window, ...]]:
    """The order of so many rows and columns of tokens in which those of a window of `side` lie one behind the other,
    and windows of as many tokens too; and those windows."""
    places = torch.arange(high * wide).view(high, wide)
    cut = [part.flatten() for rows in torch.split(places, side) for part in torch.split(rows, side, 1)]
    cut.sort(key=len)
    sizes = [len(part) for part in cut]
    return torch.cat(cut), tuple(Window(size, sizes.count(size)) for size in sorted(set(sizes)))


@lru_cache(maxsize=4)
def _angles(high: int, wide: int, config: SightConfig) -> Turned:
    """By how much patches are turned, by their rows and columns, (patches, head's width) both."""
    merged, half = config.spatial_merge_size, config.hidden_size // config.num_heads // 2
    rows, columns = torch.meshgrid(torch.arange(high * merged), torch.arange(wide * merged), indexing="ij")
    within = (high, merged, wide, merged)
    at = torch.stack([each.view(within).transpose(1, 2).flatten() for each in (rows, columns)], 1)
    each = at[..., None].float() * (1.0 / _THETA ** (torch.arange(0, half, 2, dtype=torch.float32) / half))
    angles = each.flatten(1)
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


class _PatchEmbed(nn.Module):
    """Of patches that lie flat what a convolution over them makes, frame by frame."""

    def __init__(self, config: SightConfig) -> None:
        super().__init__()
        pixels = 3 * config.temporal_patch_size * config.patch_size**2
        self.proj = nn.Linear(pixels, config.hidden_size, bias=False)

    def forward(self, patches: Tensor) -> Tensor:
        made: Tensor = self.proj(patches.to(self.proj.weight.dtype))
        return made


class _SightBlock(nn.Module):
    def __init__(self, config: SightConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = (QwenNorm(config.hidden_size, _EPSILON) for _ in range(2))
        self.attn = _SightAttention(config)
        self.mlp = SwiGlu(config.hidden_size, config.intermediate_size, bias=True)

    def forward(self, value: Tensor, turned: Turned, windows: Sequence[Window]) -> Tensor:
        value = value + self.attn(self.norm1(value), turned, windows)
        made: Tensor = value + self.mlp(self.norm2(value))
        return made


class _SightAttention(nn.Module):
    """Within each window."""

    def __init__(self, config: SightConfig) -> None:
        super().__init__()
        self.heads = config.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, value: Tensor, turned: Turned, windows: Sequence[Window]) -> Tensor:
        query, key, of = self.qkv(value).view(len(value), 3, self.heads, -1).unbind(1)
        wide = tuple(half[:, None] for half in turned)
        query, key = (turned_by(each.float(), wide).to(value.dtype) for each in (query, key))
        seen = []
        for window, (asking, asked, answers) in zip(windows, _by_window(windows, query, key, of), strict=True):
            made = functional.scaled_dot_product_attention(asking, asked, answers)
            seen.append(made.transpose(1, 2).reshape(window.tokens * window.times, -1))
        answer: Tensor = self.proj(torch.cat(seen))
        return answer


def _by_window(windows: Sequence[Window], *values: Tensor) -> list[tuple[Tensor, ...]]:
    """(patches, heads, width) of windows as (windows, heads, patches, width), for each size of them."""
    sizes = [window.tokens * window.times for window in windows]
    parts = zip(*(torch.split(value, sizes) for value in values), strict=True)
    return [
        tuple(part.view(window.times, window.tokens, *part.shape[1:]).transpose(1, 2) for part in each)
        for window, each in zip(windows, parts, strict=True)
    ]


class _Merger(nn.Module):
    """Several patches to a token, as wide as what hears it."""

    def __init__(self, config: SightConfig) -> None:
        super().__init__()
        self.width = config.hidden_size * config.spatial_merge_size**2
        self.ln_q = QwenNorm(config.hidden_size, _EPSILON)
        self.mlp = nn.Sequential(
            nn.Linear(self.width, self.width), nn.GELU(), nn.Linear(self.width, config.out_hidden_size)
        )

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.mlp(self.ln_q(value).view(-1, self.width))
        return made
