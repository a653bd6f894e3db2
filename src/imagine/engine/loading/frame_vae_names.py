"""The VAE of Wan and Qwen-Image from its tensors, in the original's layout or diffusers', with one slice of each kernel
over time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import torch
from torch import Tensor

from ...messages import message
from ...words.errors import UnusableModel
from ..parts.frame_vae import FrameVae, FrameVaeConfig
from ..parts.standardised import LatentStatistics
from .maps.sizes import Shapes, count_of, size_of
from .weights import Tensors

_MARKS = {
    "decoder.middle.0.residual.0.gamma": "decoder.middle.0.residual.2.weight",
    "decoder.mid_block.resnets.0.norm1.gamma": "decoder.mid_block.resnets.0.conv1.weight",
}
"""What tells the original's layout (https://github.com/Wan-Video/Wan2.1, Apache-2.0) and diffusers', and a kernel
there: other VAEs have such names, too, but none that go over time."""
_KERNEL = 5
"""Sides of a kernel over time."""
_FRAMES = re.compile(r"\.time_conv\.")
"""What joins frames or makes more of them."""
_RENAMED = (
    (r"^conv1\.", "quant_conv."), (r"^conv2\.", "post_quant_conv."), (r"coder\.conv1\.", "coder.conv_in."),
    (r"\.head\.0\.|\.norm_out\.", ".conv_norm_out."), (r"\.head\.2\.", ".conv_out."), (r"\.middle\.", ".mid_block."),
    (r"\.downsamples\.", ".down_blocks."), (r"\.upsamples\.", ".up_blocks."), (r"\.shortcut\.", ".conv_shortcut."),
    (r"\.residual\.0\.", ".norm1."), (r"\.residual\.2\.", ".conv1."), (r"\.residual\.3\.", ".norm2."),
    (r"\.residual\.6\.", ".conv2."), (r"\.mid_block\.resnets\.0\.", ".mid_block.0."),
    (r"\.mid_block\.attentions\.0\.", ".mid_block.1."), (r"\.mid_block\.resnets\.1\.", ".mid_block.2."),
)  # fmt: skip
_LEVEL = re.compile(r"^decoder\.up_blocks\.(\d+)\.(?:resnets\.(\d+)|upsamplers\.0)\.")
"""Where diffusers has levels, and the original one list of layers."""
_STATED = ("latents_mean", "latents_std")


def is_frame_vae(part: Mapping[str, Any]) -> bool:
    """Is it such a VAE's, whose latents are of a frame?"""
    mark = next((mark for mark in _MARKS if mark in part), None)
    return mark is not None and part[_MARKS[mark]].dim() == _KERNEL


def frame_tensors(part: Tensors) -> Tensors:
    """Its tensors under our names, as a picture needs them."""
    own = {name: tensor for name, tensor in part.items() if not _FRAMES.search(name)}
    resnets = count_of(_shapes(own), "decoder.up_blocks.0.resnets.")
    return {_named(name, resnets): _of_a_frame(tensor) for name, tensor in own.items()}


def frame_config(shapes: Shapes) -> FrameVaeConfig:
    """The sizes of the network with tensors of these `shapes`, under our names. Raises UnusableModel."""
    layers = range(count_of(shapes, "encoder.down_blocks."))
    halving = [place for place in layers if f"encoder.down_blocks.{place}.resample.1.weight" in shapes]
    ends = [*halving, len(layers)]
    if not halving:
        raise UnusableModel(message("weights.no_encoder"))
    return FrameVaeConfig(
        in_channels=size_of(shapes, "encoder.conv_in.weight", 1),
        latent_channels=size_of(shapes, "decoder.conv_in.weight", 1),
        block_out_channels=tuple(
            size_of(shapes, f"encoder.down_blocks.{end - 1}.conv2.weight", 0) for end in ends
        ),
        layers_per_block=ends[0],
        first=size_of(shapes, "encoder.conv_in.weight", 0),
    )  # fmt: skip


def frame_vae(tensors: Tensors, settings: Mapping[str, Any] | None = None) -> Callable[[], FrameVae]:
    """What makes the empty network of `tensors` under our names; a folder's `settings` say what its latents are like.
    Raises UnusableModel where nobody knows that of so many of them."""
    stated = {name: (settings or {})[name] for name in _STATED if name in (settings or {})}
    config = msgspec.convert({**msgspec.to_builtins(frame_config(_shapes(tensors))), **stated}, FrameVaeConfig)
    if any(len(each) != config.latent_channels for each in (config.latents_mean, config.latents_std)):
        raise UnusableModel(message("unfit.channels", count=config.latent_channels))
    return partial(FrameVae, config)


def frame_statistics(config: FrameVaeConfig) -> LatentStatistics:
    """What is known of its latents."""
    return LatentStatistics(torch.tensor(config.latents_mean), torch.tensor(config.latents_std))


def _named(name: str, resnets: int) -> str:
    if match := _LEVEL.match(name):
        place = int(match[1]) * (resnets + 1) + (resnets if match[2] is None else int(match[2]))
        name = f"decoder.up_blocks.{place}.{name[match.end() :]}"
    for theirs, ours in _RENAMED:
        name = re.sub(theirs, ours, name)
    return name


def _of_a_frame(tensor: Tensor) -> Tensor:
    """Of a kernel over time, what sees the only frame; of what scales channels, (channels, 1, 1)."""
    if tensor.dim() == 5:
        return tensor[:, :, -1].contiguous()
    return tensor[..., 0] if tensor.dim() == 4 and tensor.shape[1:] == (1, 1, 1) else tensor


def _shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
