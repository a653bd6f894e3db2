"""The pictures to learn from, as the denoiser will see them: latents and words, made once and kept for all steps.

Each keeps its shape: its area becomes that of the model's own square, its sides whole steps of that. Pictures of one
size, whose words are as long, can be learned from together.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..engine.families.family import EncodeRequest, Family
from ..engine.jobs.canvas import pixels_from_picture
from ..engine.parts.rows import Rows
from ..engine.parts.slices import whole
from ..files.reading import read_file
from ..pictures.images import decode
from ..words.training import TrainingPicture

MOST_BYTES = 2**28
MOST_SIDE = 16_384
_LONGEST = 2.0
"""Times as long as it is wide, or the other way round: what is more is cropped."""


class Lesson(NamedTuple):
    """A picture's latents, (1, C, h, w), those of its mirror image where that is wanted, and its conditioning: with
    its words, and with nothing said."""

    latents: tuple[Tensor, ...]
    words: Rows
    nothing: Rows


def size_for(width: int, height: int, native: int, multiple: int) -> tuple[int, int]:
    """The size at which a picture of so many pixels is learned from."""
    step = max(multiple, native // 8)
    ratio = min(_LONGEST, max(1 / _LONGEST, width / height))
    sides = (native * math.sqrt(ratio), native / math.sqrt(ratio))
    return tuple(max(step, round(side / step) * step) for side in sides)  # type: ignore[return-value]


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a picture, of that size; what is transparent is white."""
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)


def lesson(family: Family, picture: Image.Image, caption: str, *, flip: bool) -> Lesson:
    """What a picture and its words are to the denoiser of a family."""
    size = size_for(*picture.size, family.native, family.multiple)
    square = fitted(picture, size)
    views = [square, ImageOps.mirror(square)] if flip else [square]
    latents = tuple(whole(family.encode_picture(pixels_from_picture(view))).values.clone() for view in views)
    # guidance: what classifier-free guidance will compare with, as long as the words are
    request = EncodeRequest(prompt=caption, negative="", clip=1, guidance=1.0, size=size)
    conditioning = family.encode(request)
    assert conditioning.negative is not None, "it was asked for"
    return Lesson(latents, _own(conditioning.positive), _own(conditioning.negative))


class Lessons:
    """All of them, by what can be learned from together."""

    def __init__(
        self, family: Family, pictures: Sequence[TrainingPicture], *, flip: bool, tell: Callable[[int], None]
    ) -> None:
        """`tell` hears how many are ready. Raises BadPicture, ImagineError where one can't be read."""
        groups: defaultdict[Hashable, list[Lesson]] = defaultdict(list)
        with torch.no_grad():
            for done, each in enumerate(pictures, 1):
                data = read_file(Path(each.path), MOST_BYTES)
                made = lesson(
                    family, decode(data, field=Path(each.path).name, max_side=MOST_SIDE), each.caption, flip=flip
                )
                groups[made.latents[0].shape, family.shape(made.words)].append(made)
                tell(done)
        self.groups = list(groups.values())


def _own(rows: Rows) -> Rows:
    """Tensors that gradients may go by, which those made in inference mode aren't."""
    return {name: row.clone() for name, row in rows.items()}
