"""Which size a picture gets: from what was said, the model's own square, or the picture it starts from.

Sizes are (width, height) in pixels. What comes out otherwise than it was asked is told to `warnings`.
"""

from __future__ import annotations

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.recipe import Extend, Hires, Resize
from .request import MAX_SIDE, MIN_SIDE

Size = tuple[int, int]

MAX_RESULT = 4096
"""Of a result with a second pass: it can be given back as a source."""
_SAME_SHAPE = 0.01
_DONE = {"crop": "size.cut", "fit": "size.edges", "stretch": "size.stretched"}


def size_alone(width: int | None, height: int | None, native: Size, multiple: int, warnings: list[Message]) -> Size:
    """The size of a picture from nothing: as asked, a side that wasn't as in `native`, in multiples of `multiple`."""
    for name, requested in (("width", width), ("height", height)):
        if requested is not None and (made := _multiple(requested, multiple)) != requested:
            warnings.append(message("size.rounded", name, value=requested, made=made, multiple=multiple))
    across = native[0] if width is None else width
    down = native[1] if height is None else height
    return _multiple(across, multiple), _multiple(down, multiple)


def size_from_source(
    width: int | None, height: int | None, source: Size, resize: Resize, warnings: list[Message]
) -> Size:  # fmt: skip
    """The size of a picture made from one of size `source`: as asked exactly, one side by the other and the source's
    shape, or else the source's own, scaled into the bounds."""
    across, down = source
    if width is not None and height is not None:
        made = (width, height)
    elif width is not None:
        made = (width, _bounded(width * down / across))
    elif height is not None:
        made = (_bounded(height * across / down), height)
    else:
        made = _own(source, warnings)
    if abs(made[0] * down / (made[1] * across) - 1) > _SAME_SHAPE:
        done, words = message(_DONE[resize]), {"width": made[0], "height": made[1]}
        warnings.append(message("size.shape", "img", across=across, down=down, done=done, how=resize, **words))
    return made


def check_result(size: Size, extend: Extend | None, hires: Hires | None) -> None:
    """Raises BadRequest on `extend` or `hires` where the picture that comes out would be too large."""
    width, height = size
    if extend is not None:
        width, height = width + extend.left + extend.right, height + extend.top + extend.bottom
        if max(width, height) > MAX_SIDE:
            raise BadRequest(message("size.extend", "extend", across=width, down=height, most=MAX_SIDE))
    if hires is not None and max(width, height) * hires.scale > MAX_RESULT:
        across, down = f"{width * hires.scale:.0f}", f"{height * hires.scale:.0f}"
        raise BadRequest(message("size.hires", "hires", scale=hires.scale, across=across, down=down, most=MAX_RESULT))


def _own(source: Size, warnings: list[Message]) -> Size:
    """The source's own size, or the nearest of its shape whose sides are in bounds."""
    scale = 1.0
    if max(source) > MAX_SIDE:
        scale = MAX_SIDE / max(source)
    elif min(source) < MIN_SIDE:
        scale = MIN_SIDE / min(source)
    made = (_bounded(source[0] * scale), _bounded(source[1] * scale))
    if made != source:
        values = {"across": source[0], "down": source[1], "made_across": made[0], "made_down": made[1]}
        warnings.append(message("size.own", "img", least=MIN_SIDE, most=MAX_SIDE, **values))
    return made


def _bounded(side: float) -> int:
    return min(max(round(side), MIN_SIDE), MAX_SIDE)


def _multiple(side: int, multiple: int) -> int:
    """The nearest multiple within the bounds, the larger of two as near."""
    least, most = -(-MIN_SIDE // multiple) * multiple, MAX_SIDE // multiple * multiple
    return min(max((2 * side + multiple) // (2 * multiple) * multiple, least), most)
