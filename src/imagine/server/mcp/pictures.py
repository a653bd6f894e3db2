"""Pictures as an answer shows them: small, since clients bound answers, and a model has to take them in."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from PIL import Image

from ...pictures import images
from .tools import SHOWN_SIDE

ADDRESS = "imagine://pictures/"
MOST_BYTES = 500_000
"""Of all pictures of an answer together, before base64: clients refuse answers of more than a million characters."""
_QUALITIES = (85, 70, 50)
_TOLD = ("model", "seed", "prompt")
"""What a small copy tells of how it was made; the whole picture carries its whole recipe, and its signature."""
_MOST_TEXT = 1000
_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


class SmallPicture(NamedTuple):
    """A picture as an answer shows it, and where the whole of it is."""

    data: bytes
    width: int
    height: int
    """Of the whole picture, in pixels."""
    stored: str
    """The name that the whole one is kept under; "" where it isn't."""
    meta: Mapping[str, Any]
    """Its recipe."""

    @property
    def content(self) -> list[dict[str, Any]]:
        """As MCP's content."""
        shown = {"type": "image", "data": b64encode(self.data).decode("ascii"), "mimeType": "image/webp"}
        if not self.stored:
            return [shown]
        kind = _MEDIA["." + self.stored.rpartition(".")[2]]
        link = {"type": "resource_link", "uri": ADDRESS + self.stored, "name": self.stored, "mimeType": kind}
        return [shown, link]

    @property
    def told(self) -> dict[str, Any]:
        """What is said of it beside: no picture, since clients show this to the model as text."""
        where = {"uri": ADDRESS + self.stored} if self.stored else {}
        made = {"seed": str(self.meta["seed"])} if "seed" in self.meta else {}
        drawn = {"model": self.meta["model"]} if "model" in self.meta else {}
        return {**where, **made, **drawn, "width": self.width, "height": self.height}


def shown_from(
    data: bytes, stored: str, meta: Mapping[str, Any], *, most_side: int = SHOWN_SIDE, most_bytes: int = MOST_BYTES
) -> SmallPicture:
    """A copy of a picture of ours that is at most so large. Takes a moment: not for the loop."""
    whole = images.decode(data, field="picture")
    told = {name: str(meta[name])[:_MOST_TEXT] for name in _TOLD if meta.get(name) is not None}
    side = most_side
    while True:
        small = whole.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            copy = images.encode(small, "image/webp", quality=quality, meta=told)
            if len(copy) <= most_bytes:
                return SmallPicture(copy, *whole.size, stored, meta)
        side = max(small.size) // 2
