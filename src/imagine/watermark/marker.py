"""What a way of marking pixels has to do, and those that there are."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from PIL import Image

from ..words.watermark import WATERMARK, Marked, WatermarkMethod
from .search import found
from .tiles import marked


class Sighting(NamedTuple):
    """A mark that was found."""

    method: WatermarkMethod
    says: Marked
    strength: float
    """How much of it is left, 0…1: about 1 in the file as it was made."""
    chance: float
    """At most so often a picture that was never marked looks as much like one, of all places it was looked for."""


class Marker(Protocol):
    """A way of marking. The same pixels are marked alike on every machine."""

    def mark(self, picture: Image.Image, says: Marked) -> Image.Image:
        """An RGB or RGBA picture with the mark in its colours, of the same size and mode."""

    def find(self, picture: Image.Image) -> Sighting | None:
        """The mark in an RGB or RGBA picture, or None; one that was never marked has one in less than a million."""


class Tiles:
    """The pattern of `tiles`, found as `search` does."""

    def mark(self, picture: Image.Image, says: Marked) -> Image.Image:
        return marked(picture, says)

    def find(self, picture: Image.Image) -> Sighting | None:
        match = found(picture)
        return None if match is None else Sighting(WATERMARK, match.says, match.strength, match.chance)


MARKERS: dict[WatermarkMethod, Marker] = {WATERMARK: Tiles()}


def sighted(picture: Image.Image) -> Sighting | None:
    """The mark of any of them."""
    return next((seen for marker in MARKERS.values() if (seen := marker.find(picture)) is not None), None)
