"""What a language model sees of pictures, as a part: the latest of them remembered, each as words that stand in a
prompt where a picture does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from ..adapters.embedding import Embedding
from ..device.transfer import sent
from .chunks import Chunk
from .encoder_part import EncoderPart
from .image_encoder import normalised
from .part_key import PartKey
from .qwen import PicturePlace

CACHE_BYTES = 64 * 2**20
_BICUBIC = Image.Resampling.BICUBIC


@dataclass(frozen=True)
class SeenWords(Embedding):
    """A picture's tokens, row by row, that stand in a prompt as an embedding's do."""

    rows: int = field(compare=False)
    columns: int = field(compare=False)


class SightPart(EncoderPart[tuple[str, int], SeenWords]):
    """A `QwenSight`."""

    def __init__(self, module: Any, key: PartKey | None = None, *, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(module, key, cache_bytes, lambda made: sum(each.nbytes for each in made.vectors.values()))

    @torch.no_grad()
    def see(self, picture: Image.Image) -> SeenWords:
        """What it makes of a picture, RGB, in the nearest size of whole tokens."""
        multiple = self.module.config.multiple
        columns, rows = (max(1, round(side / multiple)) for side in picture.size)
        size = columns * multiple, rows * multiple
        sized = picture if picture.size == size else picture.resize(size, _BICUBIC)
        digest = hashlib.sha256(sized.tobytes() + repr(size).encode()).hexdigest()
        key = (digest, torch.get_num_threads())
        if (made := self._cache.find(key)) is not None:
            return made
        self.arrive()
        vectors = self._own(self.module(sent(normalised(sized), self.inputs_go_to)))
        words = SeenWords(digest, "", {vectors.shape[-1]: vectors}, rows, columns)
        return self._cache.keep(key, words)


def seen_in(text: Chunk) -> Sequence[PicturePlace]:
    """Where pictures stand in a prompt."""
    return [PicturePlace(at, each.rows, each.columns) for at, each in text.placed if isinstance(each, SeenWords)]
