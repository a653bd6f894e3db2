"""Blocks of GGUF files to numbers: each function takes (n, bytes) of uint8 to (n, elements) of float32.

The formats are ggml's (https://github.com/ggml-org/ggml, the structs of `ggml-common.h` and `dequantize_row_*` of
`ggml-quants.c`, MIT). A block of 32 has one scale, and in the kinds with `_1` a least value; one of 256 ("K") has
scales of scales for each 16 or 32 of its numbers. The order of operations is that of ggml, and so are the bits.

Whole numbers are made float32 once and changed in place from there: each float32 of a piece that is made anew is as
much work as all of its bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

Widen = Callable[[Tensor], Tensor]

_LEVELS = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
"""The 16 values of IQ4 (`kvalues_iq4nl`)."""


def _half(blocks: Tensor, start: int) -> Tensor:
    """The float16 that lies there, (n, 1)."""
    return blocks[:, start : start + 2].view(torch.float16).float()


def _nibbles(packed: Tensor) -> Tensor:
    """(…, k) to (…, 2, k): the low halves, then the high ones."""
    return torch.stack((packed & 15, packed >> 4), -2)


def _bits(packed: Tensor, width: int) -> Tensor:
    """(…, k) to (…, 8/width, k): from each byte so many bits at a time, the lowest first."""
    shifts = torch.arange(0, 8, width, dtype=torch.uint8, device=packed.device)
    return (packed[..., None, :] >> shifts[:, None]) & ((1 << width) - 1)


def _flat(made: Tensor) -> Tensor:
    return made.flatten(1)


def _levels(packed: Tensor) -> Tensor:
    """(…, k) to (…, 2, k) of IQ4's values."""
    numbers = _nibbles(packed)
    return _table(packed.device).index_select(0, numbers.int().flatten()).view(numbers.shape)


@cache
def _table(device: torch.device) -> Tensor:
    return torch.tensor(_LEVELS, dtype=torch.float32, device=device)


def _fifth_bits(blocks: Tensor, start: int) -> Tensor:
    """The fifth bit of 32 numbers, in the place that it has, (n, 32)."""
    bits = blocks[:, start : start + 4, None] >> torch.arange(8, dtype=torch.uint8, device=blocks.device)
    return (bits & 1).flatten(1) << 4


def q4_0(blocks: Tensor) -> Tensor:
    return _flat(_nibbles(blocks[:, 2:])).float().sub_(8).mul_(_half(blocks, 0))


def q4_1(blocks: Tensor) -> Tensor:
    return _flat(_nibbles(blocks[:, 4:])).float().mul_(_half(blocks, 0)).add_(_half(blocks, 2))


def q5_0(blocks: Tensor) -> Tensor:
    numbers = _flat(_nibbles(blocks[:, 6:])) | _fifth_bits(blocks, 2)
    return numbers.float().sub_(16).mul_(_half(blocks, 0))


def q5_1(blocks: Tensor) -> Tensor:
    numbers = _flat(_nibbles(blocks[:, 8:])) | _fifth_bits(blocks, 4)
    return numbers.float().mul_(_half(blocks, 0)).add_(_half(blocks, 2))


def q8_0(blocks: Tensor) -> Tensor:
    return blocks[:, 2:].view(torch.int8).float().mul_(_half(blocks, 0))


def q2_k(blocks: Tensor) -> Tensor:
    scales, packed = blocks[:, :16], blocks[:, 16:80].reshape(-1, 2, 32)
    numbers = _bits(packed, 2).reshape(-1, 16, 16)
    scale, least = _half(blocks, 80) * (scales & 15), _half(blocks, 82) * (scales >> 4)
    return _flat(numbers.float().mul_(scale[..., None]).sub_(least[..., None]))


def q3_k(blocks: Tensor) -> Tensor:
    high, packed, scales = blocks[:, :32], blocks[:, 32:96].reshape(-1, 2, 32), blocks[:, 96:108]
    lower, upper = _flat(_nibbles(scales[:, :8])), _flat(_bits(scales[:, 8:], 2))
    scale = _half(blocks, 108) * ((lower | (upper << 4)).to(torch.int8) - 32)
    numbers = _bits(packed, 2).reshape(-1, 16, 16) | (_bits(high, 1) << 2).reshape(-1, 16, 16)
    return _flat(numbers.float().sub_(4).mul_(scale[..., None]))


def _scales_of_8(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Twelve bytes to the eight scales and the eight least values of six bits each, (n, 8)."""
    first, second, third = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = torch.cat((first & 63, (third & 15) | ((first >> 6) << 4)), 1)
    least = torch.cat((second & 63, (third >> 4) | ((second >> 6) << 4)), 1)
    return scales, least


def _scaled_by_8(blocks: Tensor, numbers: Tensor) -> Tensor:
    """Numbers (n, 8, 32) with the scales that Q4_K and Q5_K begin with."""
    scales, least = _scales_of_8(blocks[:, 4:16])
    scale, lowest = _half(blocks, 0) * scales, _half(blocks, 2) * least
    return _flat(numbers.float().mul_(scale[..., None]).sub_(lowest[..., None]))


def q4_k(blocks: Tensor) -> Tensor:
    return _scaled_by_8(blocks, _nibbles(blocks[:, 16:].reshape(-1, 4, 32)).reshape(-1, 8, 32))


def q5_k(blocks: Tensor) -> Tensor:
    numbers = _nibbles(blocks[:, 48:].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    return _scaled_by_8(blocks, numbers | (_bits(blocks[:, 16:48], 1) << 4))


def q6_k(blocks: Tensor) -> Tensor:
    lower = _nibbles(blocks[:, :128].reshape(-1, 2, 64)).reshape(-1, 16, 16)
    upper = _bits(blocks[:, 128:192].reshape(-1, 2, 32), 2).reshape(-1, 16, 16)
    scale = _half(blocks, 208) * blocks[:, 192:208].view(torch.int8)
    return _flat((lower | (upper << 4)).float().sub_(32).mul_(scale[..., None]))


def iq4_nl(blocks: Tensor) -> Tensor:
    return _flat(_levels(blocks[:, 2:])).mul_(_half(blocks, 0))


def iq4_xs(blocks: Tensor) -> Tensor:
    lower = (blocks[:, 4:8, None] >> torch.arange(0, 8, 4, dtype=torch.uint8, device=blocks.device)) & 15
    upper = (blocks[:, 2:4, None] >> torch.arange(0, 8, 2, dtype=torch.uint8, device=blocks.device)) & 3
    scale = _half(blocks, 0) * ((lower.flatten(1) | (upper.flatten(1) << 4)).to(torch.int8) - 32)
    return _flat(_levels(blocks[:, 8:].reshape(-1, 8, 16)).flatten(2).mul_(scale[..., None]))


BLOCKS: dict[str, Widen] = {
    made.__name__: made
    for made in (q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs)
}  # fmt: skip
"""By the kind's name (`formats/gguf.py`)."""
