"""Conditioning as named tensors, a row a picture: told apart by shape, and joined to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

REFERENCE = "reference."
"""What begins the names of rows that are latents of pictures beside the one in the making, (1, C, h, w)."""
Rows = Mapping[str, Tensor]
"""Named tensors that the denoiser takes beside latents and timestep, each (1, …), or (rows, …) once they are joined."""


def shape_of(rows: Rows) -> tuple[object, ...]:
    """Equal for rows that `concatenated` can join."""
    return tuple((name, tuple(value.shape[1:])) for name, value in sorted(rows.items()))


def concatenated(rows: Sequence[Rows]) -> Rows:
    """Rows of one shape, one behind the other."""
    return {name: torch.cat([each[name] for each in rows]) for name in rows[0]}
