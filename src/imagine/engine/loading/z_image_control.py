"""A control's file beside Z-Image: the layout that its makers publish, which is diffusers' own as well.

Of the second generation's first file (2.0) blocks were trained that nothing ever asked: their weights are zeros, as
diffusers' converter tells it, and others stand in for them, as in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ...messages import message
from ...words.errors import UnusableModel
from ..control.z_image_control import OwnLayers, ZImageControl
from ..libraries.light import controlnet
from .control_kind import ControlKind, Said
from .maps.sizes import Shapes, count_of, size_of
from .maps.z_image import PATCH
from .transformer_names import shapes_of
from .weights import Renamed, Weights

_EMBEDDER = f"control_all_x_embedder.{PATCH}.weight"
_LATER, _EARLY = "control_layers", "control_noise_refiner"
_HEAD = f"{_LATER}.0.attention.norm_q.weight"
_ADDS = f"{_EARLY}.0.after_proj.weight"
_SEES = f"{_EARLY}.0.before_proj.weight"
_PLACES = "control_layers_places"


def told(weights: Weights, denoiser: Any, said: Said) -> ControlKind:
    """What it is beside a Z-Image. Raises UnusableModel."""
    if _EMBEDDER not in weights.names or _HEAD not in weights.names:
        raise UnusableModel(message("control.foreign"))
    shapes, own, early = shapes_of(weights), denoiser.config, _early(weights)
    width, head = size_of(shapes, _EMBEDDER, 0), size_of(shapes, _HEAD, 0)
    if (width, width // head) != (own.dim, own.n_heads):
        raise UnusableModel(message("control.width", taken=width, own=own.dim))
    channels, seen = int(own.in_channels), size_of(shapes, _EMBEDDER, 1) // 4
    if seen not in (channels, 2 * channels + 1):  # a map's; and a mask's and those of what it leaves
        raise UnusableModel(message("control.channels", taken=seen, own=channels))
    settings = {
        "control_in_dim": seen,
        _PLACES: _places(shapes, int(own.n_layers), said),
        "control_refiner_layers_places": list(range(int(own.n_refiner_layers))),
        "add_control_noise_refiner": early,
        "dim": width,
        "n_heads": width // head,
        "n_kv_heads": width // head,
        "n_refiner_layers": count_of(shapes, f"{_EARLY}.") or int(own.n_refiner_layers),
    }
    names = [name for name in weights.names if early != _LATER or not name.startswith(_EARLY)]
    network = partial(controlnet, "ZImageControlNetModel")
    more = {"own": OwnLayers(denoiser), "channels": channels}
    return ControlKind(Renamed(weights, {name: name for name in names}), network, settings, ZImageControl, more)


def _early(weights: Weights) -> str | None:
    """Which of its blocks see the picture before the prompt joins it; None of the first generation."""
    if not any(name.startswith(_EARLY) for name in weights.names):
        return _LATER
    if _ADDS not in weights.names:
        return None
    return _EARLY if _SEES in weights.names and bool(weights.read(_SEES).any()) else _LATER


def _places(shapes: Shapes, depth: int, said: Said) -> Sequence[int]:
    """Behind which of the denoiser's blocks its blocks' answers are added: as its settings say, else evenly."""
    count = count_of(shapes, f"{_LATER}.")
    if count > depth:
        raise UnusableModel(message("control.blocks", count=count, own=depth))
    stated = said.settings.get(_PLACES)
    if stated is None:
        return [number * depth // count for number in range(count)]
    fits = isinstance(stated, list) and all(isinstance(place, int) and 0 <= place < depth for place in stated)
    if not fits or len(stated) != count or stated != sorted({0, *stated}):
        raise UnusableModel(message("control.foreign"))
    return stated
