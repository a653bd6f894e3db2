"""Whether the pixels of a picture hold our invisible mark, whatever its file says."""

from __future__ import annotations

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


def mark_in(data: bytes) -> tuple[PixelMark | None, bool]:
    """The mark, and whether it was looked for: not in what can't be decoded, and where there is nothing to do it.

    What looks for it is imported here alone: it takes more than all else of this process, and most pictures are only
    looked at to be used.
    """
    try:
        from ...watermark.marker import sighted
    except ImportError:  # the one-file binary, before it has unpacked what draws
        return None, False
    try:
        picture = images.decode(data, field="file")
    except BadPicture:
        return None, False
    seen = sighted(picture)
    return None if seen is None else PixelMark(**seen._asdict()), True
