"""What the judge says of pictures that were given more than a prompt."""

from __future__ import annotations

from PIL import Image

from tools.toybox.beside.mapped import Where
from tools.toybox.judge import thing_of

OVERLAP = 0.7
"""A thing follows its map that has so much of what both cover together."""


def overlap(picture: Image.Image, wanted: Where) -> float:
    """Of what the picture's thing and `wanted` cover together, the part that both cover."""
    seen = thing_of(picture)
    return float((seen & wanted).sum() / max(1, (seen | wanted).sum()))


def follows(picture: Image.Image, wanted: Where) -> bool:
    return overlap(picture, wanted) >= OVERLAP
