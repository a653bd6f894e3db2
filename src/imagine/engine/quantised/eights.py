"""Rows of 8-bit numbers to float32: floats and integers of one byte, which a scale and a rotation may go with."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from .blocks import Widen


def _float8(dtype: torch.dtype) -> Widen:
    def widen(stored: Tensor) -> Tensor:
        # MPS knows of no such float, but of their values.
        if stored.device.type == "mps":
            return _values(dtype, stored.device)[stored.int()]
        return stored.view(dtype).float()

    return widen


@cache
def _values(dtype: torch.dtype, device: torch.device) -> Tensor:
    """What each byte stands for."""
    return torch.arange(256, dtype=torch.uint8).view(dtype).float().to(device)


def _int8(stored: Tensor) -> Tensor:
    return stored.view(torch.int8).float()


EIGHTS: dict[str, Widen] = {
    "float8_e4m3fn": _float8(torch.float8_e4m3fn), "float8_e5m2": _float8(torch.float8_e5m2), "int8": _int8,
}  # fmt: skip
"""By torch's name of the dtype: (n, k) of uint8 to (n, k)."""


def rotated_back(rows: Tensor, group: int) -> Tensor:
    """Rows (n, k) that were multiplied, in groups of `group` columns, by the Hadamard matrix of that size.

    It is the Kronecker product of H₄ = 1 − 2J with itself, over its root, where J is the identity read backwards; so
    it is symmetric, and its own inverse. https://github.com/Comfy-Org/comfy-kitchen, "convrot" (Apache-2.0).
    """
    value = rows.reshape(-1, *[4] * (group.bit_length() // 2))
    for axis in range(1, value.dim()):
        value = value.sum(axis, keepdim=True) * 0.5 - value.flip(axis)
    return value.reshape(rows.shape)
