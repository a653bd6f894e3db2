"""Weights of four bits by tables of sixteen values, two in a byte, the first in its upper half: to float32.

Their blocks' greatest values, which they are multiplied by, may be of eight bits themselves, by a table of 256.
https://github.com/bitsandbytes-foundation/bitsandbytes, `functional.py` (MIT): `get_4bit_type`, `create_dynamic_map`.
The values of NF4 are of https://arxiv.org/abs/2305.14314, those of the 256 of https://arxiv.org/abs/1511.04561.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from .blocks import pairs_of
from .eights import Widen

_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
_FP4 = tuple(sign * value / 12 for sign in (1, -1) for value in (0, 0.0625, 8, 12, 4, 6, 2, 3))
FOUR_BITS = {"nf4": _NF4, "fp4": _FP4}


def _looked_up(kind: str) -> Widen:
    def widen(stored: Tensor) -> Tensor:
        """(n, k) of uint8 to (n, 2k)."""
        return pairs_of(_pairs(kind, stored.device), stored.flatten()).view(len(stored), -1)

    return widen


@cache
def _pairs(kind: str, device: torch.device) -> Tensor:
    """What both halves of each byte stand for, the upper one first."""
    values = torch.tensor(FOUR_BITS[kind], dtype=torch.float32)
    return torch.cartesian_prod(values, values).to(device)


@cache
def nested_values() -> Tensor:
    """What the 256 bytes of nested scales stand for, from -1 to 1: dense near 0."""
    made = [torch.zeros(1), torch.ones(1)]
    for exponent in range(7):
        edges = torch.linspace(0.1, 1, 2**exponent + 1)
        means = 10 ** (exponent - 6) * ((edges[:-1] + edges[1:]) / 2)
        made += [means, -means]
    return torch.cat(made).sort().values


FOURS: dict[str, Widen] = {kind: _looked_up(kind) for kind in FOUR_BITS}
"""By the kind's name."""
