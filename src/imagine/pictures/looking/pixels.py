"""Whether the pixels of a picture hold our invisible mark, whatever its file says."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ...words.errors import BadPicture
from ...words.watermark import Marked, WatermarkMethod
from .. import images


class PixelMark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark that was found in pixels."""

    method: WatermarkMethod
    says: Marked
    strength: float
    """How much of it is left, 0…1."""
    chance: float
    """At most so often a picture that was never marked seems to be one, of all that was tried."""


class PixelsSeen(NamedTuple):
    """What the pixels say: the mark, whether it was looked for, and whether they are damaged."""

    mark: PixelMark | None = None
    looked: bool = False
    damaged: bool = False


def pixels_of(data: bytes) -> PixelsSeen:
    """What there is to see; nothing in what can't be decoded, and where there is nothing to look with.

    What looks is imported here alone: it takes more than all else of this process, and most pictures are only looked at
    to be used.
    """
    try:
        picture = images.decode(data, field="file")
    except BadPicture as error:
        return PixelsSeen(damaged=error.note.code in ("picture.damaged", "picture.no_size"))
    try:
        from ...watermark.marker import sighted
    except ImportError:  # the one-file binary, before it has unpacked what draws
        return PixelsSeen()
    seen = sighted(picture)
    return PixelsSeen(None if seen is None else PixelMark(**seen._asdict()), looked=True)
