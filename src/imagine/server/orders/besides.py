"""What holds a picture to maps and what it is to be like, as a recipe has it and as a worker is told of it."""

from __future__ import annotations

import array
import hashlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from ...asking.controls import ChosenControl
from ...asking.references import ChosenReference
from ...words.model import ControlUse, ReferenceUse
from ...words.recipe import Control, Reference
from ..gateway.gateway import component_from
from .input_pictures import InputPicture, InputPictures


class Besides(NamedTuple):
    """Of one request, in its order."""

    control: Sequence[Control] = ()
    references: Sequence[Reference] = ()
    controls_used: tuple[ControlUse, ...] = ()
    references_used: tuple[ReferenceUse, ...] = ()


def besides_of(
    controls: Sequence[ChosenControl], references: Sequence[ChosenReference], pictures: InputPictures,
    max_side: int | None,
) -> Besides:  # fmt: skip
    """With their pictures; references are made smaller first, so that no side is longer than `max_side`, or what is
    usual for each."""
    with_maps = list(zip(controls, pictures.controls, strict=True))
    shown = list(zip(references, pictures.references, pictures.reference_masks, strict=True))
    return Besides(
        [chosen.recorded(picture.about.digest) for chosen, picture in with_maps],
        [_recorded(chosen, picture, mask, max_side) for chosen, picture, mask in shown],
        tuple(_control_use(chosen, picture) for chosen, picture in with_maps),
        tuple(_reference_use(chosen, picture, mask) for chosen, picture, mask in shown),
    )


def _recorded(
    chosen: ChosenReference, picture: InputPicture | None, mask: InputPicture | None, max_side: int | None
) -> Reference:
    face = _numbers(chosen)
    digest = None if face is None else hashlib.sha256(face).hexdigest()
    return chosen.recorded(picture and picture.about.digest, mask and mask.about.digest, digest, max_side)


def _control_use(chosen: ChosenControl, picture: InputPicture) -> ControlUse:
    file = chosen.file
    return ControlUse(
        kind="" if file is None else file.kind, variant="" if file is None else file.variant,
        component=None if file is None else component_from("adapter", file),
        image=picture.data, preprocessor=chosen.preprocessor,
    )  # fmt: skip


def _reference_use(chosen: ChosenReference, picture: InputPicture | None, mask: InputPicture | None) -> ReferenceUse:
    adapter, encoder = chosen.adapter, chosen.encoder
    return ReferenceUse(
        variant="" if adapter is None else adapter.variant,
        component=None if adapter is None else component_from("adapter", adapter),
        encoder=None if encoder is None else component_from("adapter", encoder),
        img=picture and picture.data, mask=mask and mask.data, embedding=_numbers(chosen),
    )  # fmt: skip


def _numbers(chosen: ChosenReference) -> bytes | None:
    """A face's embedding, as little-endian float32."""
    if chosen.wish.embedding is None:
        return None
    numbers = array.array("f", chosen.wish.embedding)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
