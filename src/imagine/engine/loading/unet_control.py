"""A control's file beside a U-Net: a ControlNet, a union, or a T2I-Adapter, by its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...messages import message
from ...words.errors import UnusableModel
from ..control.control_network import ControlNetwork
from ..control.controlnet import ControlNet, UnionNet
from ..control.feature_adapter import FeatureAdapter
from ..libraries.light import ControlNetModel, ControlNetUnionModel, T2IAdapter
from .control_kind import ControlKind, Said
from .control_names import with_control_names, with_t2i_names
from .control_shapes import controlnet_settings, t2i_settings, union_settings
from .maps.sizes import Shapes
from .transformer_names import shapes_of
from .weights import Weights

_FOREIGN = ("control_to_base_for_conv_in.weight", "enc_zero_convs_out.0.weight", "controlnet_cond_embedding.weight")
"""What tells networks that go beside no U-Net of ours: ControlNet-XS and SparseCtrl."""
_POOLED = "shuffle"
"""Of the original files only their name tells that what they add is one number a channel, as AUTOMATIC1111 has it."""


class _UNetKind(NamedTuple):
    """One of those whose file has all of its weights."""

    constructor: Callable[..., Any]
    named: Callable[[Weights], Weights]
    settings: Callable[[Shapes, Mapping[str, Any]], dict[str, Any]]
    network: Callable[..., ControlNetwork]
    of_steps: bool = True
    """It sees the latents of each step."""


_CONTROLNET = _UNetKind(ControlNetModel, with_control_names, controlnet_settings, ControlNet)
_UNION = _UNetKind(ControlNetUnionModel, with_control_names, union_settings, UnionNet)
_T2I = _UNetKind(T2IAdapter, with_t2i_names, t2i_settings, FeatureAdapter, of_steps=False)


def told(weights: Weights, unet: Any, said: Said) -> ControlKind:
    """What it is beside a U-Net. Raises UnusableModel."""
    names = with_control_names(weights).names
    if any(name in names or name in weights.names for name in _FOREIGN):
        raise UnusableModel(message("control.foreign"))
    adapts = any(name.startswith(("adapter.body.", "body.")) for name in weights.names)
    kind = _T2I if adapts else _UNION if "task_embedding" in names else _CONTROLNET
    named = kind.named(weights)
    settings = kind.settings(shapes_of(named), unet.config)
    if kind.of_steps and (said.settings.get("global_pool_conditions") or _POOLED in said.stem.lower()):
        settings["global_pool_conditions"] = True
    flipped = said.settings.get("controlnet_conditioning_channel_order") == "bgr"
    return ControlKind(named, kind.constructor, settings, kind.network, {"flipped": flipped})
