"""A U-Net in a file of its own under the names that it has in a checkpoint, whichever of its names it was saved by.

Only names change: no tensor is touched. The original's are CompVis' (https://github.com/CompVis/stable-diffusion),
the others those of diffusers' `UNet2DConditionModel`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .family_config import UNET
from .weights import Renamed, Weights

_PREFIXES = (UNET, "diffusion_model.", "unet.", "")
"""What stands before the names, in the files that are about."""
_ORIGINAL = ("input_blocks.", "middle_block.", "output_blocks.", "time_embed.", "label_emb.", "out.")
ENDS = {
    "time_embedding.linear_1.": "time_embed.0.", "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.", "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_in.": "input_blocks.0.0.", "conv_norm_out.": "out.0.", "conv_out.": "out.2.",
}  # fmt: skip
RESNET = {
    "norm1.": "in_layers.0.", "conv1.": "in_layers.2.", "time_emb_proj.": "emb_layers.1.", "norm2.": "out_layers.0.",
    "conv2.": "out_layers.3.", "conv_shortcut.": "skip_connection.",
}  # fmt: skip
MIDDLE = {"resnets.0.": "0.", "attentions.0.": "1.", "resnets.1.": "2."}
"""diffusers' names and the original's, of layers and of what is in a block."""
_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")


def with_unet_prefix(weights: Weights) -> Weights:
    """The same weights, those of a U-Net named as in a checkpoint; as they are where there is none among them."""
    names = weights.names
    if UNET + "input_blocks.0.0.weight" in names:
        return weights
    for prefix in _PREFIXES:
        if prefix + "input_blocks.0.0.weight" in names:
            return Renamed(weights, {_prefixed(name, prefix): name for name in names})
        if prefix + "conv_in.weight" in names and prefix + "up_blocks.0.resnets.0.conv1.weight" in names:
            return Renamed(weights, from_diffusers(names, prefix))
    return weights


def _prefixed(name: str, prefix: str) -> str:
    rest = name.removeprefix(prefix)
    return UNET + rest if name.startswith(prefix) and (prefix or rest.startswith(_ORIGINAL)) else name


def from_diffusers(names: Collection[str], prefix: str = "") -> dict[str, str]:
    """What each name becomes, that of a checkpoint's U-Net → that name."""
    inside = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    layers = len({name.split(".")[3] for name in inside if name.startswith("down_blocks.0.resnets.")})
    attended = {name.split(".")[1] for name in inside if re.match(r"up_blocks\.\d+\.attentions\.", name)}
    return {
        UNET + _original(name.removeprefix(prefix), layers, attended) if name.startswith(prefix) else name: name
        for name in names
    }


def _original(name: str, layers: int, attended: set[str]) -> str:
    """A name of diffusers' as the original's, of a network with so many layers a level on its way down.

    `attended` are the levels of the way up with attention. A name of another network stays as it is.
    """
    if name.startswith("mid_block."):
        part = next((part for part in MIDDLE if name.startswith(part, len("mid_block."))), "")
        rest = name.removeprefix("mid_block." + part)
        return name if not part else f"middle_block.{MIDDLE[part]}{_resnet(rest) if 'resnets' in part else rest}"
    if match := _BLOCK.fullmatch(name):
        way, level, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        block = level * (layers + 1) + layer
        if kind == "downsamplers":
            return f"input_blocks.{(level + 1) * (layers + 1)}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            part_number = 2 if match[2] in attended else 1
            return f"output_blocks.{level * (layers + 1) + layers}.{part_number}.{rest}"
        place = f"input_blocks.{block + 1}" if way == "down" else f"output_blocks.{block}"
        return f"{place}.0.{_resnet(rest)}" if kind == "resnets" else f"{place}.1.{rest}"
    theirs = next((end for end in ENDS if name.startswith(end)), "")
    return ENDS[theirs] + name.removeprefix(theirs) if theirs else name


def _resnet(name: str) -> str:
    theirs = next((part for part in RESNET if name.startswith(part)), "")
    return RESNET.get(theirs, "") + name.removeprefix(theirs)
