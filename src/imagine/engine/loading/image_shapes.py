"""What any image model's tensors and its file's metadata tell of its settings, within bounds."""

from __future__ import annotations

from collections.abc import Mapping

from ...messages import message
from ...words.errors import UnusableModel
from ..parts.clip_vision import MOST_LAYERS, MOST_SIDE
from .maps.sizes import Shapes
from .shapes import MAX_HEADS, number_of
from .weights import Metadata

_HEADS = "imagine.image_attention_heads"


def heads_of(width: int, published: Mapping[int, int], metadata: Metadata) -> int:
    """Those that the file says, else those that the `published` of its width have, else of 64 columns. Raises
    UnusableModel for what can't be."""
    stated = metadata.get(_HEADS)
    heads = published.get(width, max(1, width // 64)) if stated is None else number_of(_HEADS, stated, MAX_HEADS)
    if width % heads:
        raise UnusableModel(message("image_encoder.heads", width=width, heads=heads))
    return heads


def side_of(across: int, patch: int) -> int:
    """Of its pictures, in pixels, of so many patches. Raises UnusableModel."""
    if not 1 <= across * patch <= MOST_SIDE:
        raise UnusableModel(message("image_encoder.side", side=across * patch, most=MOST_SIDE))
    return across * patch


def layers_of(shapes: Shapes, prefix: str) -> int:
    """How many there are, whose names begin so. Raises UnusableModel."""
    layers = {name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)}
    if len(layers) > MOST_LAYERS:
        raise UnusableModel(message("weights.absurd", name=prefix, shape=str(len(layers))))
    return len(layers)
