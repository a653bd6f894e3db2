"""A VAE's work in parts: its tiles, and the layers of each, with the very bits that it makes at once.

The loops are those of diffusers' `AutoencoderKL` and `AutoencoderKLFlux2`, their `Encoder` and `Decoder` and the blocks
of those (0.42, Apache-2.0); `tests/engine/test_vae_parts.py` holds them to it. A layer at 2048² takes seconds on a CPU,
all of them a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Sequential

from ..libraries.light import AutoencoderKL, AutoencoderKLFlux2, DownEncoderBlock2D, UNetMidBlock2D, UpDecoderBlock2D
from .frame_vae import FrameVae
from .slices import Slices

Coder = Callable[[Tensor], Slices[Tensor]]
_TAKEN_APART = (AutoencoderKL, AutoencoderKLFlux2, FrameVae)
"""Classes of one shape: what the second knows beside it, of all latents, isn't asked for here."""


def decode_parts(vae: Any, latents: Tensor, *, tiled: bool) -> Slices[Tensor]:
    """The VAE's own latents (1, C, h, w) to pixels (1, 3, H, W); `tiled` needs less memory."""
    if not isinstance(vae, _TAKEN_APART):
        return _at_once(vae, lambda: vae.decode(latents).sample, tiled=tiled)
    small, large = vae.tile_latent_min_size, vae.tile_sample_min_size
    if tiled and max(latents.shape[2:]) > small:
        return _in_tiles(vae, lambda tile: _decoded(vae, tile), latents, small, large)
    return _decoded(vae, latents)


def encode_parts(vae: Any, pixels: Tensor, *, tiled: bool) -> Slices[Tensor]:
    """Pixels (1, 3, H, W) to the mode of the posterior (1, C, h, w); `tiled` needs less memory."""
    if not isinstance(vae, _TAKEN_APART):
        return _at_once(vae, lambda: _latents(vae.encode(pixels)), tiled=tiled)
    large, small = vae.tile_sample_min_size, vae.tile_latent_min_size
    if tiled and max(pixels.shape[2:]) > large:
        return _mode(_in_tiles(vae, lambda tile: _encoded(vae, tile), pixels, large, small))
    return _mode(_encoded(vae, pixels))


@torch.inference_mode()
def _decoded(vae: Any, latents: Tensor) -> Slices[Tensor]:
    decoder = vae.decoder
    value = latents if vae.post_quant_conv is None else vae.post_quant_conv(latents)
    value = decoder.conv_in(value)
    for layer in (*_layers(decoder.mid_block), *(each for block in decoder.up_blocks for each in _layers(block))):
        value = layer(value)
        yield
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(value)))


@torch.inference_mode()
def _encoded(vae: Any, pixels: Tensor) -> Slices[Tensor]:
    """The posterior's moments, (1, 2·C, h, w)."""
    encoder = vae.encoder
    value = encoder.conv_in(pixels)
    for layer in (*(each for block in encoder.down_blocks for each in _layers(block)), *_layers(encoder.mid_block)):
        value = layer(value)
        yield
    value = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(value)))
    return value if vae.quant_conv is None else vae.quant_conv(value)


def _layers(block: Any) -> Iterator[Callable[[Tensor], Tensor]]:
    """What a block does, one after another; a block of a kind unknown here does it at once."""
    if type(block) is UNetMidBlock2D:
        yield partial(block.resnets[0], temb=None)
        for attention, resnet in zip(block.attentions, block.resnets[1:], strict=False):
            yield from () if attention is None else (partial(attention, temb=None),)
            yield partial(resnet, temb=None)
    elif type(block) in (UpDecoderBlock2D, DownEncoderBlock2D):
        yield from (partial(resnet, temb=None) for resnet in block.resnets)
        yield from (block.upsamplers if type(block) is UpDecoderBlock2D else block.downsamplers) or ()
    elif type(block) is Sequential:
        yield from block
    else:
        yield block


@torch.inference_mode()
def _in_tiles(vae: Any, code: Coder, value: Tensor, side: int, made_side: int) -> Slices[Tensor]:
    """Overlapping tiles of `side`, each coded to `made_side`, and their seams blended."""
    stride = int(side * (1 - vae.tile_overlap_factor))
    blend = int(made_side * vae.tile_overlap_factor)
    keep = made_side - blend
    above: list[Tensor] = []
    rows = []
    for top in range(0, value.shape[2], stride):
        row = []
        for left in range(0, value.shape[3], stride):
            row.append((yield from code(value[:, :, top : top + side, left : left + side])))
            yield
        for column, tile in enumerate(row):
            if above:
                vae.blend_v(above[column], tile, blend)  # in place, as the neighbours need it
            if column:
                vae.blend_h(row[column - 1], tile, blend)
        rows.append(torch.cat([tile[:, :, :keep, :keep] for tile in row], 3))
        above = row
    return torch.cat(rows, 2)


@torch.inference_mode()
def _at_once(vae: Any, work: Callable[[], Tensor], *, tiled: bool) -> Slices[Tensor]:
    """A VAE of another class, which has tiles of its own."""
    if tiled:
        vae.enable_tiling()
    try:
        made = work()
    finally:
        if tiled:
            vae.disable_tiling()
    yield
    return made


def _latents(encoded: Any) -> Tensor:
    """What another class answers: a posterior, or latents themselves (SANA's `AutoencoderDC`)."""
    return encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latent


def _mode(moments: Slices[Tensor]) -> Slices[Tensor]:
    """The mode of a diagonal Gaussian is its mean: the first half of its moments."""
    return torch.chunk((yield from moments), 2, dim=1)[0]
