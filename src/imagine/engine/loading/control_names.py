"""The networks of controls under diffusers' names, whichever of their names they were saved by. Only names change.

The original ControlNet's are lllyasviel's (https://github.com/lllyasviel/ControlNet), the original T2I-Adapter's
Tencent ARC's (https://github.com/TencentARC/T2I-Adapter), both as diffusers' own converters have them (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .unet_names import ENDS, MIDDLE, RESNET
from .weights import Renamed, Weights

_PREFIXES = ("control_model.", "controlnet.", "")
_FIRST, _THEIRS = "input_blocks.0.0.", "controlnet_cond_embedding.conv_in."
_ENDS, _RESNET, _MIDDLE = (
    {theirs.rstrip("."): ours.rstrip(".") for ours, theirs in names.items()} for names in (ENDS, RESNET, MIDDLE)
)
_ENDS["middle_block_out.0"] = "controlnet_mid_block"
_BLOCK = re.compile(r"input_blocks\.(\d+)\.([01])\.(.+)")
_INNER = re.compile(r"middle_block\.([012])\.(.+)")
_HINT = re.compile(r"input_hint_block\.(\d+)")
_ZERO = re.compile(r"zero_convs\.(\d+)\.0")
_T2I_FULL = re.compile(r"body\.(\d+)\.(block1|block2|in_conv)\.(weight|bias)")
_T2I_LIGHT = re.compile(r"body\.(\d+)\.body\.(\d+)\.(block1|block2)\.(weight|bias)")
_T2I_LEVEL = "body.0.out_conv.weight"
LOW_RANK = "lora_controlnet"
"""What marks a file that borrows the rest of itself from the model."""


def with_control_names(weights: Weights) -> Weights:
    """A ControlNet's tensors by the names that it has in diffusers; what isn't of it keeps its own."""
    for prefix in _PREFIXES:
        inside = {name.removeprefix(prefix): name for name in weights.names if name.startswith(prefix)}
        if any(name.startswith(_FIRST) for name in inside):
            layers, hints = _layers(inside), _last_hint(inside)
            return Renamed(weights, {_control_name(name, layers, hints): full for name, full in inside.items()})
        if any(name.startswith(_THEIRS) for name in inside):
            return Renamed(weights, inside)
    return weights


def with_t2i_names(weights: Weights) -> Weights:
    """A T2I-Adapter's tensors by the names that it has in diffusers."""
    if any(name.startswith("adapter.") for name in weights.names):
        return weights
    # Tencent's full one numbers its resnets through, two of each level; the light one its levels.
    per_level = 1 if _T2I_LEVEL in weights.names else 2
    return Renamed(weights, {_t2i_name(name, per_level): name for name in weights.names})


def _layers(names: Collection[str]) -> int:
    """Resnets of a level on the way down: the first level ends where pictures are first made smaller."""
    ends = [int(match[1]) for name in names if (match := _BLOCK.fullmatch(name)) and match[3].startswith("op.")]
    return min(ends, default=10**6) - 1


def _last_hint(names: Collection[str]) -> int:
    return max((int(match[1]) for name in names if (match := _HINT.match(name))), default=0)


def _control_name(name: str, layers: int, last_hint: int) -> str:
    stem, _, end = name.rpartition(".")
    if stem in _ENDS:
        return f"{_ENDS[stem]}.{end}"
    if match := _HINT.fullmatch(stem):
        number = int(match[1])
        place = "conv_in" if not number else "conv_out" if number == last_hint else f"blocks.{number // 2 - 1}"
        return f"controlnet_cond_embedding.{place}.{end}"
    if match := _ZERO.fullmatch(stem):
        return f"controlnet_down_blocks.{match[1]}.{end}"
    if match := _INNER.fullmatch(stem):
        inner = match[2] if match[1] == "1" else _RESNET.get(match[2], match[2])
        return f"mid_block.{_MIDDLE[match[1]]}.{inner}.{end}"
    if match := _BLOCK.fullmatch(stem):
        level, layer = divmod(int(match[1]) - 1, layers + 1)
        if match[3] == "op":
            return f"down_blocks.{level}.downsamplers.0.conv.{end}"
        kind, inner = ("resnets", _RESNET.get(match[3], match[3])) if match[2] == "0" else ("attentions", match[3])
        return f"down_blocks.{level}.{kind}.{layer}.{inner}.{end}"
    return name


def _t2i_name(name: str, per_level: int) -> str:
    if match := _T2I_LIGHT.fullmatch(name):
        return f"adapter.body.{match[1]}.resnets.{match[2]}.{match[3]}.{match[4]}"
    if (match := _T2I_FULL.fullmatch(name)) and ".body." not in name:
        level, layer = divmod(int(match[1]), per_level)
        place = "in_conv" if match[2] == "in_conv" else f"resnets.{layer}.{match[2]}"
        return f"adapter.body.{level}.{place}.{match[3]}"
    return f"adapter.{name}"
