"""The contact sheet of a run: all its pictures on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_TILE = 512


def contact_sheet(pictures: list[bytes]) -> Image.Image:
    """All `pictures` in rows, each at most 512 pixels a side."""
    from PIL import Image

    from ..pictures.images import decode

    tiles = [decode(data, field="img").convert("RGB") for data in pictures]
    for tile in tiles:
        tile.thumbnail((_TILE, _TILE))
    columns = next(n for n in range(1, len(tiles) + 1) if n * n >= len(tiles))
    width, height = max(t.width for t in tiles), max(t.height for t in tiles)
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width, number // columns * height))
    return sheet
