"""Tiny Qwen-Images with the published one's names, in every layout that files come in."""

from __future__ import annotations

import re
from typing import Any

import diffusers
import torch
from torch import Tensor

_HEADS = {"norm_out": "head.0", "conv_out": "head.2", "conv_in": "conv1"}
_RESIDUAL = {
    "norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}  # fmt: skip
_MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
_LAYERS = 4
"""Of a level on the way up: three residual blocks, and what doubles its sides."""


def tiny_frame_vae() -> Any:
    """Of four levels and 16 latents as the published one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = diffusers.AutoencoderKLQwenImage(base_dim=8)
        for name, parameter in vae.named_parameters():
            if name.endswith("gamma"):
                torch.nn.init.normal_(parameter, 1.0, 0.2)
    return vae.eval()


def original_frame_vae(vae: Any) -> dict[str, Tensor]:
    """Its tensors under Wan's names for them."""
    return {_original(name): tensor for name, tensor in vae.state_dict().items()}


def _original(name: str) -> str:
    if name.startswith(("quant_conv", "post_quant_conv")):
        return name.replace("post_quant_conv", "conv2").replace("quant_conv", "conv1")
    side, rest = name.split(".", 1)
    part, inner = rest.split(".", 1)
    if part in _HEADS:
        return f"{side}.{_HEADS[part]}.{inner}"
    if part == "mid_block":
        block, kind, inner = re.fullmatch(r"(\w+\.\d)\.(\w+)\.(.+)", inner).groups()  # type: ignore[union-attr]
        return f"{side}.middle.{_MIDDLE[block]}.{_RESIDUAL.get(kind, kind)}.{inner}"
    if part == "up_blocks":
        level, layers, place, inner = inner.split(".", 3)
        inner = f"{int(level) * _LAYERS + (_LAYERS - 1 if layers == 'upsamplers' else int(place))}.{inner}"
    place, kind, inner = inner.split(".", 2)
    return f"{side}.{part.replace('_blocks', 'samples')}.{place}.{_RESIDUAL.get(kind, kind)}.{inner}"
