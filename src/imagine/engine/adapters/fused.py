"""A layer that is several of the network's to a trainer, as the original has it: what of it each of those has."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...messages import message
from .layer import Misfit, fits

_BY_ROW = ("up", "up_bias", "diff", "diff_b", "hada_w1_a", "hada_w2_a", "dora_scale", "lora_magnitude_vector")
"""Parts that have a row for each number of the layer's answer."""
_SHARED = ("down", "hada_w1_b", "hada_w2_b")
_UNCUT = "lokr_"
"""What begins the parts of a product whose blocks don't end where our layers do: it takes its rows itself."""


class FusedRows(NamedTuple):
    """Some of the `of` rows of what a trainer takes for one layer, in their order in ours."""

    of: int
    taken: tuple[slice, ...]

    def cut(self, part: str, tensor: Tensor) -> Tensor:
        """What one of ours has of a `part`; a view, unless its rows change places. Raises Misfit."""
        if part in _SHARED or part.startswith(_UNCUT):
            return tensor
        if part not in _BY_ROW:
            raise Misfit(message("lora.fused", part=part))
        fits(part, tensor, self.of, *tensor.shape[1:])
        return self.of_all(tensor)

    def of_all(self, tensor: Tensor) -> Tensor:
        """These rows of a tensor that has all of them; a view, unless they change places."""
        pieces = [tensor[rows] for rows in self.taken]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    @property
    def ends(self) -> list[tuple[int, int]]:
        """Where each run of them begins and ends."""
        return [rows.indices(self.of)[:2] for rows in self.taken]
