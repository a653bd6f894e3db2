"""Rows of plain numbers to float32: floats and integers of one byte, which a scale and a rotation may go with, and
floats of more that aren't to be cast for good."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

Widen = Callable[[Tensor], Tensor]


def _float8(dtype: torch.dtype, shift: int, gain: float, nan: int | None) -> Widen:
    """Of one whose bits are, so many places further up, those of a float16 that is `gain` times less; but for the byte
    `nan`, which would be a number there."""
    mask = (0x7F << shift | 0x8000) - 0x10000

    def widen(stored: Tensor) -> Tensor:
        # MPS knows of no such float, but of their values.
        if stored.device.type == "mps":
            return _values(dtype, stored.device)[stored.int()]
        # On a CPU torch widens them number by number: 3.2 ns each, instead of 0.5 (bench/results/quantised.md).
        if stored.device.type != "cpu" or (nan is not None and stored.numel() and int((stored & 0x7F).amax()) == nan):
            return stored.view(dtype).float()
        halves = stored.view(torch.int8).to(torch.int16).bitwise_left_shift_(shift).bitwise_and_(mask)
        return halves.view(torch.float16).float().mul_(gain)

    return widen


@cache
def _values(dtype: torch.dtype, device: torch.device) -> Tensor:
    """What each byte stands for."""
    return torch.arange(256, dtype=torch.uint8).view(dtype).float().to(device)


def _float(dtype: torch.dtype) -> Widen:
    return lambda stored: stored.view(dtype).to(torch.float32, copy=True)  # who asks may go on in its place


def _int8(stored: Tensor) -> Tensor:
    return stored.view(torch.int8).float()


WIDTHS = {"float16": 2, "bfloat16": 2, "float32": 4}
"""Bytes of a number of those that have more than eight bits, and stay in their file for want of memory."""
EIGHTS: dict[str, Widen] = {
    **{name: _float(getattr(torch, name)) for name in WIDTHS},
    "float8_e4m3fn": _float8(torch.float8_e4m3fn, 7, 2.0**8, 0x7F),
    "float8_e5m2": _float8(torch.float8_e5m2, 8, 1.0, None),
    "int8": _int8,
}  # fmt: skip
"""By torch's name of the dtype: rows of its bytes, in uint8, to rows of numbers."""


def rotated_back(rows: Tensor, group: int) -> Tensor:
    """Rows (n, k) that were multiplied, in groups of `group` columns, by the Hadamard matrix of that size.

    It is the Kronecker product of H₄ = 1 − 2J with itself, over its root, where J is the identity read backwards; so
    it is symmetric, and its own inverse. https://github.com/Comfy-Org/comfy-kitchen, "convrot" (Apache-2.0).
    """
    value = rows.reshape(-1, *[4] * (group.bit_length() // 2))
    for axis in range(1, value.dim()):
        value = value.sum(axis, keepdim=True) * 0.5 - value.flip(axis)
    return value.reshape(rows.shape)
