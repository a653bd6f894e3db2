"""A layer that is several of the network's to a trainer, as the original has it: what of it each of those has."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...messages import message
from ..adapters.layer import Misfit, fits

_BY_ROW = ("up", "up_bias", "diff", "diff_b", "hada_w1_a", "hada_w2_a", "dora_scale", "lora_magnitude_vector")
"""Parts that have a row for each number of the layer's answer."""
_SHARED = ("down", "hada_w1_b", "hada_w2_b")


class FusedRows(NamedTuple):
    """Some of the `of` rows of what a trainer takes for one layer, in their order in ours."""

    of: int
    taken: tuple[slice, ...]

    def cut(self, part: str, tensor: Tensor) -> Tensor:
        """What one of ours has of a `part`; a view, unless its rows change places. Raises Misfit."""
        if part in _SHARED:
            return tensor
        if part not in _BY_ROW:
            raise Misfit(message("lora.fused", part=part))
        fits(part, tensor, self.of, *tensor.shape[1:])
        pieces = [tensor[rows] for rows in self.taken]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
