"""A control's file beside a transformer of Stable Diffusion 3 or 3.5: a ControlNet in diffusers' layout, or in
Stability AI's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ...messages import message
from ...words.errors import UnusableModel
from ...words.map_words import map_meant, words_of
from ..control.control_network import as_they_are
from ..control.sd3_controlnet import ForVae, Places, SD3ControlNet, bright, negative
from ..libraries.light import controlnet
from .control_kind import ControlKind, Said
from .maps import sd3_controlnet as layout
from .rows_of import RowsOf
from .transformer_names import shapes_of
from .weights import Renamed, Weights

_TYPE = "control_type"
"""Of Stability's files: which maps it is for, as a number."""
_TYPES: tuple[ForVae, ...] = (as_they_are, bright, negative)
"""By that number: a blurred picture, edges, depth."""
_NAMED: Mapping[str, ForVae] = {"canny": bright, "depth": negative}
_ZEROS = "force_zeros_for_pooled_projection"


def told(weights: Weights, denoiser: Any, said: Said) -> ControlKind:
    """What it is beside such a transformer. Raises UnusableModel."""
    if layout.PATCHES not in weights.names:
        raise UnusableModel(message("control.foreign"))
    of_maps = _pixels(weights, said)
    named = _named(weights)
    settings = layout.config(shapes_of(named), denoiser.config)
    of_text = settings["joint_attention_dim"] is not None
    masked = bool(settings["extra_conditioning_channels"])
    # As diffusers' pipelines have it: of the plain one both follow from what its settings say, if they do.
    zeros = masked or bool(said.settings.get(_ZEROS, of_text))
    more = {
        "blocks": int(denoiser.config.num_layers),
        "pooled": not zeros,
        "shifted": masked or not zeros,
        "pixels": as_they_are if of_text else of_maps,
        "places": None if settings["use_pos_embed"] else Places(denoiser.pos_embed),
    }
    return ControlKind(named, partial(controlnet, "SD3ControlNetModel"), settings, SD3ControlNet, more)


def _named(weights: Weights) -> Weights:
    """Its tensors under diffusers' names."""
    if layout.ORIGINAL in weights.names:
        return RowsOf(weights, layout.taken(shapes_of(weights)))
    return Renamed(weights, {name: name for name in weights.names if name != _TYPE})


def _pixels(weights: Weights, said: Said) -> ForVae:
    """What Stability's networks want of a map's pixels: by the number in their file, else, where it was converted, by
    what it is called."""
    if _TYPE in weights.names:
        number = weights.read(_TYPE).flatten().tolist()
        if len(number) != 1 or number[0] not in range(len(_TYPES)):
            raise UnusableModel(message("control.foreign"))
        return _TYPES[int(number[0])]
    return _NAMED.get(map_meant(words_of(said.stem)) or "", as_they_are)
