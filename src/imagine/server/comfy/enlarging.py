"""By how much a graph enlarges, and with what."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...messages import Message, message
from ...words.model_names import stem_of
from ...words.upscalers import OF_LATENTS
from .graph import GraphNode
from .meaning import (
    EmptyLatent,
    EncodedLatent,
    EnlargedPicture,
    LoadedPicture,
    ScaledLatent,
    ScaledPicture,
    wired,
)

_ALMOST = 0.02
"""So far apart may both sides be scaled."""
_USUAL = 4
_LARGEST = 4.0
_TIMES = re.compile(r"(?:^|[^0-9a-z])([1-8])x|x([1-8])(?:[^0-9]|$)", re.IGNORECASE)
_PLAIN = {"lanczos": "lanczos", "bicubic": "bicubic"}

AcrossDown = tuple[int, int]


class Scaling(NamedTuple):
    """A second pass' scale, and what enlarges."""

    by: float
    upscaler: str
    node: GraphNode
    input: str
    """What says how much."""
    named_by: GraphNode
    warnings: Sequence[Message] = ()


def times_of(upscaler: str) -> float:
    """How many times a network enlarges, by its name; as most do where that doesn't say it."""
    found = _TIMES.search(stem_of(upscaler))
    return float(found[1] or found[2]) if found else float(_USUAL)


def scaling_from(enlarged: Sequence[ScaledPicture | EnlargedPicture | ScaledLatent], base: AcrossDown) -> Scaling:
    """What all of that comes to, of a picture of size `base`. Raises GraphRefused."""
    size = (float(base[0]), float(base[1]))
    for each in enlarged:
        size = _enlarged(each, size)
    last, networks = enlarged[-1], [each for each in enlarged if isinstance(each, EnlargedPicture)]
    if len(networks) > 1:
        raise wired(networks[1].node, "image", message("comfy.twice_enlarged"))
    across, down = size[0] / base[0], size[1] / base[1]
    name = next((each for each in ("scale_by", "width") if each in last.node.inputs), "upscale_model")
    by = round(max(across, down), 4)
    if by < 1:
        raise wired(last.node, name, message("comfy.smaller"))
    if abs(across / down - 1) > _ALMOST:
        raise wired(last.node, name, message("comfy.shape"))
    if by > _LARGEST and networks and len(enlarged) == 1:
        note = message("comfy.made_as", "hires.scale", value=f"{by:g}", used=f"{_LARGEST:g}")
        return Scaling(_LARGEST, stem_of(networks[0].upscaler), last.node, name, networks[0].named_by, (note,))
    if networks:
        return Scaling(by, stem_of(networks[0].upscaler), last.node, name, networks[0].named_by)
    if isinstance(last, ScaledLatent):
        return Scaling(by, OF_LATENTS, last.node, name, last.node)
    method = last.node.inputs.get("upscale_method", "lanczos")
    used = _PLAIN.get(method, "bicubic")
    notes = [] if method in _PLAIN else [message("comfy.made_as", "hires.upscaler", value=method, used=used)]
    return Scaling(by, used, last.node, name, last.node, notes)


def size_of_start(
    start: EmptyLatent | EncodedLatent | ScaledPicture, size_of: Callable[[str], AcrossDown | None]
) -> AcrossDown:  # fmt: skip
    """The size that a picture is begun in. Raises GraphRefused for one that isn't here."""
    if isinstance(start, EmptyLatent):
        return start.width, start.height
    picture = start.picture if isinstance(start, EncodedLatent) else start
    if isinstance(picture, LoadedPicture):
        return _sent(picture, size_of)
    if not isinstance(picture, ScaledPicture) or not isinstance(picture.of, LoadedPicture):
        raise wired(start.node, "pixels", message("comfy.only_sent"))
    if picture.by is None and all(picture.size):
        return picture.size
    own = _sent(picture.of, size_of)
    width, height = _enlarged(picture, (float(own[0]), float(own[1])))
    return max(1, round(width)), max(1, round(height))


def _sent(picture: LoadedPicture, size_of: Callable[[str], AcrossDown | None]) -> AcrossDown:
    size = size_of(picture.name)
    if size is None:
        raise picture.node.refused("custom_validation_failed", "image", "comfy.no_picture", value=picture.name[:100])
    return size


def _enlarged(each: ScaledPicture | EnlargedPicture | ScaledLatent, size: tuple[float, float]) -> tuple[float, float]:
    """The size that it makes of this one: no picture has less than a pixel."""
    across, down = _scaled(each, size)
    return max(1.0, across), max(1.0, down)


def _scaled(each: ScaledPicture | EnlargedPicture | ScaledLatent, size: tuple[float, float]) -> tuple[float, float]:
    if isinstance(each, EnlargedPicture):
        times = times_of(each.upscaler)
        return size[0] * times, size[1] * times
    if each.by is not None:
        return size[0] * each.by, size[1] * each.by
    across, down = each.size
    if not across and not down:
        return size
    return float(across or down * size[0] / size[1]), float(down or across * size[1] / size[0])
