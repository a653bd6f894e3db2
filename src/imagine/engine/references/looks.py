"""What an image adapter is told of a reference: what an encoder sees, whose face is on it, and noise in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...messages import message
from ...pictures.crops import Squared
from ...pictures.reduced import WHOLE, decode_reduced
from ...words.errors import BadRequest, Unsupported
from ...words.model import ReferenceUse
from ...words.recipe import Reference
from ..parts.image_encoder import ImageEncoder
from ..parts.image_projections import Look
from ..parts.slices import Slices
from ..sampling.latents import between, initial_noise

FACE = 512
"""Numbers that ArcFace makes of a face."""
LARGEST = 4096
"""Pixels of a side of a reference that isn't said to be made smaller: no encoder sees as many."""
_STEP = 0x9E3779B97F4A7C15
"""2⁶⁴ over the golden ratio: references of one picture have noise of their own."""


def look_at(
    use: ReferenceUse, said: Reference, field: str, told: Collection[str], encoder: ImageEncoder | None
) -> Slices[Look]:
    """What is to be known of a reference, of which an adapter is `told` these fields. Raises BadPicture, BadRequest,
    Unsupported on `field`."""
    face = None
    if "face" in told:
        face = _face(use, said, field)
    if encoder is None:
        return Look(face=face)
    seen = yield from encoder.see(*picture_of(use, said, field))
    return Look(seen.embedding, seen.penultimate, face, seen.last)


def picture_of(use: ReferenceUse, said: Reference, field: str) -> tuple[Image.Image, Squared]:
    """What of a reference an encoder sees, and how it comes to a square. Raises BadPicture, BadRequest, Unsupported on
    `field`."""
    if use.img is None:
        raise BadRequest(message("image_adapter.no_img", field, name=said.adapter))
    if said.crop == "face":
        raise Unsupported(message("image_adapter.face_crop", field))
    largest, box = said.max_side or LARGEST, said.box or WHOLE
    picture, _ = decode_reduced(use.img, field=f"{field}.img", largest=largest, box=box)
    return picture, "square" if said.crop == "square" else "pad"


def nothing(encoder: ImageEncoder | None, *, black: bool = False) -> Slices[Look]:
    """What the negative side is told: no picture at all (diffusers' `encode_image`), or a `black` one."""
    face = torch.zeros(1, FACE)
    if encoder is None:
        return Look(face=face)
    if black:
        seen = yield from encoder.see(Image.new("RGB", (1, 1)), "square")
        return Look(seen.embedding, seen.penultimate, face, seen.last)
    seen = yield from encoder.nothing()
    return Look(torch.zeros_like(seen.embedding), seen.penultimate, face)


def noised(look: Look, part: float, seed: int, number: int) -> Look:
    """A neighbour: so much of the way from what is known of the picture to noise of as great a length."""
    if not part:
        return look

    def towards(known: Tensor | None, place: int) -> Tensor | None:
        if known is None:
            return None
        noise = seeded(seed, number, place, tuple(known.shape))
        wide = known.float().cpu()
        lengths = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        noise = torch.nn.functional.normalize(noise, dim=-1) * lengths
        return between(wide, noise, part, -1).to(known)

    return Look(*(towards(known, place) for place, known in enumerate(look)))


def seeded(seed: int, number: int, place: int, shape: tuple[int, ...]) -> Tensor:
    """Noise for one of the things that are known of a reference, by its number in its picture."""
    return initial_noise((seed + (3 * number + place + 1) * _STEP) % 2**64, shape)


def mean_of(looks: Sequence[Look]) -> Look:
    """One for several: the mean of each thing that is known."""
    known = [[each for each in thing if each is not None] for thing in zip(*looks, strict=True)]
    return Look(*(torch.stack(thing).mean(0) if thing else None for thing in known))


def _face(use: ReferenceUse, said: Reference, field: str) -> Tensor:
    if use.embedding is None:
        raise Unsupported(message("image_adapter.face", field, name=said.adapter, count=FACE))
    numbers = np.frombuffer(use.embedding, "<f4") if len(use.embedding) == 4 * FACE else np.zeros(0, "<f4")
    values = torch.from_numpy(numbers.astype(np.float32))[None]
    length = float(torch.linalg.vector_norm(values))
    if values.shape[1] != FACE or not 0 < length < float("inf"):
        raise BadRequest(message("image_adapter.numbers", f"{field}.embedding", count=FACE))
    return values / length
