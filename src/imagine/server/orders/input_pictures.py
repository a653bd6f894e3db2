"""The pictures that came with a request: their files, found to be sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ...asking.controls import ChosenControl
from ...asking.references import ChosenReference
from ...asking.request import GenerateRequest
from ...asking.resolve import Picture
from ...fairness.allowance import Holding
from ...messages import message
from ...words.errors import BadRequest
from ..gateway.gateway import Gateway

LOOKED_AT = 1024
"""Pixels of a side at which a reference is found to be sound: it may be far larger than other pictures."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class InputPicture(NamedTuple):
    """A picture's file, and what a recipe must know of it."""

    data: bytes
    about: Picture


class InputPictures(NamedTuple):
    """Those of one request; of controls and references, in their order."""

    img: InputPicture | None = None
    mask: InputPicture | None = None
    controls: Sequence[InputPicture] = ()
    references: Sequence[InputPicture | None] = ()
    reference_masks: Sequence[InputPicture | None] = ()


async def input_pictures(
    gateway: Gateway, client: str, request: GenerateRequest, holding: Holding,
    controls: Sequence[ChosenControl] = (), references: Sequence[ChosenReference] = (),
) -> InputPictures:  # fmt: skip
    """Looks at what came; `holding` keeps what it takes from now on, and nothing else. Raises BadPicture, Busy."""

    async def looked_at(text: str | None, field: str, largest: int = 0) -> InputPicture | None:
        if text is None:
            return None
        if "." in field and _DIGEST.fullmatch(text):  # as a recipe has it
            raise BadRequest(message("recipe.by_digest", field, digest=text[:12]))
        data, looked = await gateway.look(client, text, field, largest=largest, reduced=largest > 0)
        return InputPicture(data, Picture(looked.digest, looked.result.width, looked.result.height))

    img, mask = await looked_at(request.img, "img"), await looked_at(request.mask, "mask")
    of_controls = [await looked_at(each.wish.image, f"control.{n}.image") for n, each in enumerate(controls)]
    shown = [await looked_at(each.wish.img, f"references.{n}.img", LOOKED_AT) for n, each in enumerate(references)]
    masks = [await looked_at(each.wish.mask, f"references.{n}.mask") for n, each in enumerate(references)]
    several = {picture.about.digest: picture for picture in (img, mask, *of_controls, *shown, *masks) if picture}
    holding.hold(sum(len(picture.data) for picture in several.values()))
    return InputPictures(img, mask, [picture for picture in of_controls if picture], shown, masks)
