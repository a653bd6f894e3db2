"""An image encoder beside a model: pictures, squared, to what it makes of them, the latest of it remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...pictures.crops import Squared, squared
from ..device.transfer import sent
from .clip_vision import CLIP, ClipVisionModel, PixelScale, Seen
from .in_turns import in_turns
from .remembered import Remembered
from .siglip_vision import SiglipVisionModel
from .slices import Slices

MOST_REMEMBERED = 32 * 2**20
"""Bytes; ViT-bigG makes 1.7 MB of a picture in float32."""


_SeenBy = tuple[bytes, int]
"""The SHA-256 of pixels, empty for the picture that isn't one, and by how many threads they were seen."""


class ImageEncoder:
    """What a file's model sees."""

    def __init__(self, model: ClipVisionModel | SiglipVisionModel) -> None:
        self.model = model
        self._known: Remembered[_SeenBy, Seen] = Remembered(MOST_REMEMBERED, _nbytes)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, with what is remembered."""
        return sum(tensor.nbytes for tensor in self.model.parameters()) + self._known.nbytes

    def see(self, picture: Image.Image, how: Squared) -> Slices[Seen]:
        """What it makes of a picture."""
        square = squared(picture, self.model.config.image_size, how, self.model.colours.margin)
        key = (hashlib.sha256(square.tobytes()).digest(), torch.get_num_threads())
        return (yield from self._seen(key, lambda: normalised(square, self.model.colours)))

    def nothing(self) -> Slices[Seen]:
        """What it makes of a picture of zeros, which is none: the negative side's."""
        side = self.model.config.image_size
        key = (b"", torch.get_num_threads())
        return (yield from self._seen(key, lambda: torch.zeros(1, 3, side, side)))

    def _seen(self, key: _SeenBy, pixels: Callable[[], Tensor]) -> Slices[Seen]:
        if (seen := self._known.find(key)) is not None:
            return seen
        given = sent(pixels(), self.model.device)
        made: Seen = yield from in_turns(self.model, lambda: self.model(given))
        return self._known.keep(key, made)


def _nbytes(seen: Seen) -> int:
    return sum(tensor.nbytes for tensor in seen if tensor is not None)


def normalised(square: Image.Image, colours: PixelScale = CLIP) -> Tensor:
    """(1, 3, side, side) in float32."""
    values = torch.from_numpy(np.asarray(square, np.float32)) / 255
    return ((values - torch.tensor(colours.mean)) / torch.tensor(colours.deviation)).permute(2, 0, 1)[None].contiguous()
