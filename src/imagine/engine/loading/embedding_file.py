"""An embedding's file: vectors by their width, whatever its trainer called them.

AUTOMATIC1111 and kohya write `emb_params` (or `string_to_param.*`), diffusers the word itself, and for SDXL's two text
encoders `clip_l` and `clip_g`, or `text_encoders_0` and `text_encoders_1`. The widths say which is for which; several
names of one width are vectors behind each other, in the order of their numbers.
"""

from __future__ import annotations

import re
from collections import defaultdict

import torch
from torch import Tensor

from ...messages import message
from ...words.adapter_names import bundled_word
from ...words.errors import UnusableModel
from ...words.model import EmbeddingUse
from ..adapters.embedding import Embedding
from .checkpoint_file import CheckpointFile

MOST_TENSORS = 256
MOST_VECTORS = 75
"""They stand together in one part of a prompt."""
_NUMBER = re.compile(r"\d+")


def read_embedding(use: EmbeddingUse) -> Embedding:
    """The vectors of its file, copied: who trains it may write over the file. Raises UnusableModel."""
    weights, name = CheckpointFile(use.component.path), use.word
    names = weights.names
    if use.bundled:
        names = [each for each in names if bundled_word(each) == use.bundled]
    if not 0 < len(names) <= MOST_TENSORS:
        raise UnusableModel(message("embedding.tensors", name=name, count=len(names), most=MOST_TENSORS))
    parts: defaultdict[int, list[Tensor]] = defaultdict(list)
    for each in sorted(names, key=_order):
        shape = weights.shape(each)
        if len(shape) not in (1, 2) or 0 in shape or shape[-1] > 2**16 or not weights.stored(each).is_floating_point:
            raise UnusableModel(message("embedding.shape", name=name, part=each[:80]))
        parts[shape[-1]].append(weights.read(each).to(torch.float32, copy=True).reshape(-1, shape[-1]))
    vectors = {width: torch.cat(of_width) for width, of_width in sorted(parts.items())}
    counts = {len(of_width) for of_width in vectors.values()}
    if len(counts) > 1:
        raise UnusableModel(message("embedding.uneven", name=name, counts=", ".join(map(str, sorted(counts)))))
    if (count := counts.pop()) > MOST_VECTORS:
        raise UnusableModel(message("embedding.long", name=name, count=count, most=MOST_VECTORS))
    if not all(bool(torch.isfinite(of_width).all()) for of_width in vectors.values()):
        raise UnusableModel(message("embedding.numbers", name=name))
    return Embedding(f"{use.component.digest} {use.bundled}", name, vectors)


def _order(name: str) -> tuple[str, list[int]]:
    """By what is said beside numbers, then by these: `<a>`, `<a>_2`, `<a>_10`."""
    return _NUMBER.sub("", name).rstrip("_"), [int(digits[:9]) for digits in _NUMBER.findall(name)]
