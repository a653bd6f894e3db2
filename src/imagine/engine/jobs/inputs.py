"""The pictures that a request brings, decoded and laid out for the model that is to go on with them."""

from __future__ import annotations

from typing import Protocol

from PIL import Image

from ...pictures import images
from ...words.frames import Submit
from .canvas import Canvas, plan


class Sides(Protocol):
    """What a model says of the sizes it takes."""

    @property
    def native(self) -> int: ...

    @property
    def multiple(self) -> int: ...


def canvas_of(submit: Submit, model: Sides) -> Canvas:
    """The canvas of a request. Raises BadPicture on `img` and `mask`."""
    params = submit.params
    return plan(
        params.width, params.height, fit=params.fit, native=model.native, multiple=model.multiple,
        source=_decoded(submit.img, "img"), mask=_decoded(submit.mask, "mask"), resize=params.resize,
        extend=params.extend, padding=params.mask_padding, wraps=params.tiling,
    )  # fmt: skip


def _decoded(data: bytes | None, field: str) -> Image.Image | None:
    return None if data is None else images.decode(data, field=field)
