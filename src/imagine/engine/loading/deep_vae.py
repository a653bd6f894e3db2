"""SANA's VAE from its tensors under diffusers' names: one that makes a latent of 32 × 32 pixels (Chen et al. 2024,
arXiv:2410.10733)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...messages import message
from ...words.errors import UnusableModel
from .maps.sizes import Shapes, count_of, size_of

_MARK = "encoder.down_blocks.0.0.conv1.weight"
"""What no other VAE has: layers of a level in one list."""


def is_deep_vae(part: Mapping[str, Any]) -> bool:
    """Is it such a VAE's?"""
    return _MARK in part


class _DeepLevel(NamedTuple):
    """Layers of one size: how many there are, how wide, and, of those that attend, over how many pixels at once."""

    depth: int
    width: int
    attends: bool
    scales: tuple[int, ...]


def deep_config(shapes: Shapes, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the `AutoencoderDC` with tensors of these `shapes`, under diffusers' names, and what is `stated` that
    no shape tells. Raises UnusableModel."""
    down, up = _levels(shapes, "encoder.down_blocks"), _levels(shapes, "decoder.up_blocks")
    smaller = size_of(shapes, f"encoder.down_blocks.0.{down[0].depth}.conv.weight", 0)
    larger = size_of(shapes, "decoder.up_blocks.0.0.conv.weight", 0)
    return {
        "in_channels": size_of(shapes, "encoder.conv_in.weight", 1),
        "latent_channels": size_of(shapes, "encoder.conv_out.weight", 0),
        **_half("encoder", down),
        **_half("decoder", up),
        "downsample_block_type": "conv" if smaller == down[1].width else "pixel_unshuffle",
        "upsample_block_type": "interpolate" if larger == up[0].width else "pixel_shuffle",
        **stated,
    }


def _levels(shapes: Shapes, blocks: str) -> list[_DeepLevel]:
    """Of a half whose levels' names begin so."""
    made = [_level(shapes, f"{blocks}.{each}") for each in range(count_of(shapes, f"{blocks}."))]
    if len(made) < 2:
        raise UnusableModel(message("weights.no_tensor", name=f"{blocks}.1"))
    return made


def _level(shapes: Shapes, level: str) -> _DeepLevel:
    """Beside its layers stands what halves or doubles sides."""
    layers = sorted({name.split(".")[3] for name in shapes if name.startswith(f"{level}.")}, key=int)
    plain = [each for each in layers if f"{level}.{each}.conv1.weight" in shapes]
    attending = [each for each in layers if f"{level}.{each}.attn.to_out.weight" in shapes]
    if not attending:
        first = f"{level}.{plain[0] if plain else 0}.conv1.weight"
        return _DeepLevel(len(plain), size_of(shapes, first, 0), attends=False, scales=())
    inner = f"{level}.{attending[0]}.attn"
    scaled = range(count_of(shapes, f"{inner}.to_qkv_multiscale."))
    scales = tuple(size_of(shapes, f"{inner}.to_qkv_multiscale.{each}.proj_in.weight", 3) for each in scaled)
    return _DeepLevel(len(attending), size_of(shapes, f"{inner}.to_out.weight", 0), attends=True, scales=scales)


def _half(name: str, levels: Sequence[_DeepLevel]) -> dict[str, Any]:
    return {
        f"{name}_block_types": ["EfficientViTBlock" if each.attends else "ResBlock" for each in levels],
        f"{name}_block_out_channels": [each.width for each in levels],
        f"{name}_layers_per_block": [each.depth for each in levels],
        f"{name}_qkv_multiscales": [each.scales for each in levels],
    }
