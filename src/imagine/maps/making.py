"""The map of a picture, by its preprocessor's name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import numpy as np
from PIL import Image

from ..messages import message
from ..pictures.masks import HALF
from ..words.errors import BadRequest
from ..words.preprocessors import INPAINT, NONE, options_of
from . import canny, coarse, lines, tones
from .canny import Pixels

Options = Mapping[str, float]
NOT_SAID: Options = {}
MapSlices = Generator[None, None, Image.Image]
"""Yields wherever others may have the processor, and returns the map."""
_Making = Callable[[Image.Image, Options], MapSlices]
_WHITE = (255, 255, 255)


def map_from(
    picture: Image.Image, name: str, options: Options = NOT_SAID, mask: Image.Image | None = None
) -> Image.Image:
    """As `map_slices`, all at once."""
    slices = map_slices(picture, name, options, mask)
    while True:
        try:
            next(slices)
        except StopIteration as end:
            made: Image.Image = end.value
            return made


def map_slices(
    picture: Image.Image, name: str, options: Options = NOT_SAID, mask: Image.Image | None = None
) -> MapSlices:
    """What the preprocessor `name` makes of a picture, RGB or RGBA, in its size: RGB.

    Of `inpaint` alone it is RGBA, transparent where to paint: where `mask`, as `masks.read_mask` reads it, is white, or
    where the picture is transparent. Raises BadRequest on `mask` where neither says so.
    """
    if name == INPAINT:
        return _in_one(lambda: _with_holes(picture, mask))
    plain = on_white(picture)
    if name == NONE:
        return _in_one(lambda: plain)
    return _MAKING[name](plain, options_of(name, options))


def on_white(picture: Image.Image) -> Image.Image:
    """RGB: where it is transparent, white shows."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    white = Image.new("RGB", picture.size, _WHITE)
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _with_holes(picture: Image.Image, mask: Image.Image | None) -> Image.Image:
    if mask is not None:
        hole = mask.convert("L").point(_FROM_HALF)
    elif picture.mode == "RGBA":
        hole = picture.getchannel("A").point(_BELOW_HALF)
    else:
        raise BadRequest(message("preprocess.no_mask", "mask"))
    holed = picture.convert("RGB").convert("RGBA")
    holed.paste((0, 0, 0, 0), mask=hole)
    return holed


_FROM_HALF = [0] * HALF + [255] * (256 - HALF)
_BELOW_HALF = [255] * HALF + [0] * (256 - HALF)


def _in_one(work: Callable[[], Image.Image]) -> MapSlices:
    yield from ()
    return work()


def _canny(picture: Image.Image, options: Options) -> MapSlices:
    found = yield from canny.edges(np.asarray(picture), options["low_threshold"], options["high_threshold"])
    return drawn(found.astype(np.uint8) * 255)


def _lineart(picture: Image.Image, options: Options) -> MapSlices:
    return drawn((yield from lines.lineart(np.asarray(picture), options["sigma"], options["intensity_threshold"])))


def _scribble(picture: Image.Image, options: Options) -> MapSlices:
    return drawn((yield from lines.scribble(np.asarray(picture), options["threshold"])))


def drawn(values: Pixels) -> Image.Image:
    """A picture of values (height, width) or (height, width, 3): RGB."""
    return Image.fromarray(values).convert("RGB")


def _of_pixels(work: Callable[[Pixels, Options], Pixels]) -> _Making:
    return lambda picture, options: _in_one(lambda: drawn(work(np.asarray(picture), options)))


def _of_picture(work: Callable[[Image.Image, Options], Image.Image]) -> _Making:
    return lambda picture, options: _in_one(lambda: work(picture, options))


_MAKING: dict[str, _Making] = {
    "canny": _canny,
    "lineart": _lineart,
    "scribble": _scribble,
    "invert": _of_pixels(lambda pixels, _: tones.inverted(pixels)),
    "tile": _of_picture(lambda picture, options: coarse.coarser(picture, options["down_sampling_rate"])),
    "blur": _of_picture(lambda picture, options: coarse.blurred(picture, options["sigma"])),
    "color": _of_pixels(lambda pixels, _: coarse.colour_grid(pixels)),
    "recolor": _of_pixels(lambda pixels, options: tones.lightness(pixels, options["gamma"])),
    "grayscale": _of_picture(lambda picture, _: picture.convert("L").convert("RGB")),
    "threshold": _of_pixels(lambda pixels, options: tones.bright(pixels, options["threshold"])),
}
