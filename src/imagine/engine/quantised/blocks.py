"""Blocks of GGUF files to numbers: whole numbers of few bits, each times a scale, to which a shift may be added.

The formats are ggml's (https://github.com/ggml-org/ggml, the structs of `ggml-common.h` and `dequantize_row_*` of
`ggml-quants.c`, MIT). A block of 32 has one scale, and in the kinds with `_1` a least value; one of 256 ("K") has
scales of scales for each 16 or 32 of its numbers. The order of operations is that of ggml, and so are the bits.

Scales are made of all blocks at once, numbers of as many as a core's caches hold: an operation of torch's takes as long
as thousands of numbers do, of however few it is, so each piece of a weight is to be few of them. Those on bytes are of
whole blocks, or of bytes that were laid side by side: else torch takes them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

_LEVELS = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
"""The 16 values of IQ4 (`kvalues_iq4nl`)."""
_fill = torch.ops.aten.copy_.default  # as every device has it


class Scales(NamedTuple):
    """Of blocks, for each of so many equal groups of a block's numbers: (n, groups) of float32. Of what is stored in
    rows: of each row, (n,), or of all, ()."""

    scale: Tensor | None
    shift: Tensor | None = None

    def part(self, start: int, count: int) -> Scales:
        """Those of so many of the blocks."""
        return Scales(*(each.narrow(0, start, count) if each is not None and each.dim() else each for each in self))


class Blocks(NamedTuple):
    """How those of a kind are read, (n, bytes) of uint8."""

    scales: Callable[[Tensor], Scales]
    numbers: Callable[[Tensor], Tensor]
    """Before they are scaled: (n, elements) of float32."""

    def widened(self, blocks: Tensor, scales: Scales) -> Tensor:
        """(n, elements) of float32."""
        scale, shift = scales
        assert scale is not None
        groups = self.numbers(blocks).view(*scale.shape, -1).mul_(scale.unsqueeze(2))
        if shift is not None:
            groups.add_(shift.unsqueeze(2))
        return groups.flatten(1)


def _halves(blocks: Tensor, start: int, count: int = 1) -> Tensor:
    """So many float16 that lie there, (n, count), in float32."""
    return blocks[:, start : start + 2 * count].view(torch.float16).float()


def _bits(blocks: Tensor, start: int, end: int, width: int) -> list[Tensor]:
    """Of the bytes from start to end so many bits at a time, the lowest first: (n, bytes) each."""
    packed, mask = blocks[:, start:end].contiguous(), (1 << width) - 1
    return [(packed >> place) & mask for place in range(0, 8, width)]


def _laid(parts: Sequence[Tensor], length: int) -> Tensor:
    """So many numbers of each part in turn: (n, groups, parts, length) of float32."""
    count, each = parts[0].shape
    made = parts[0].new_empty((count, each // length, len(parts), length), dtype=torch.float32)
    for place, part in enumerate(parts):
        _fill(made.select(2, place), part.view(count, -1, length))
    return made


def _with_more(made: Tensor, parts: Sequence[Tensor], gain: int) -> Tensor:
    """Numbers (n, groups, parts, length), to each part of which `gain` times others are added: (n, elements)."""
    for place, part in enumerate(parts):
        made.select(2, place).add_(part.view(len(made), -1, made.shape[3]), alpha=gain)
    return made.flatten(1)


def _fifth_bits(blocks: Tensor, start: int) -> Tensor:
    """The fifth bit of 32 numbers, (n, 32)."""
    places = torch.arange(32, dtype=torch.int32, device=blocks.device)
    # Of a copy: what lies among others doesn't begin where whole numbers do, and of one block nothing is copied else.
    bits = blocks[:, start : start + 4].clone(memory_format=torch.contiguous_format).view(torch.int32) >> places
    return bits.bitwise_and_(1)


def _less(numbers: Tensor, by: int) -> Tensor:
    """Of uint8 that are below 128: as much less, of int8."""
    return numbers.view(torch.int8).sub_(by)


def _levels(blocks: Tensor, start: int, length: int) -> Tensor:
    """Of the bytes from there on, so many at a time, IQ4's values: of the low halves, then of the high ones."""
    pairs = pairs_of(_table(blocks.device), blocks[:, start:].flatten()).view(len(blocks), -1, length, 2)
    return pairs.transpose(2, 3).flatten(1)


def pairs_of(table: Tensor, packed: Tensor) -> Tensor:
    """What a table, (256, 2) of float32, has for each of so many bytes, (n, 2). Both are looked up as one number of 64
    bits: rows take four times as long."""
    return table.view(torch.int64).flatten().index_select(0, packed.int()).view(torch.float32).view(-1, 2)


@cache
def _table(device: torch.device) -> Tensor:
    """Both of each byte, (256, 2)."""
    levels = torch.tensor(_LEVELS, dtype=torch.float32)
    return torch.cartesian_prod(levels, levels).flip(1).to(device)


def _one_scale(blocks: Tensor) -> Scales:
    return Scales(_halves(blocks, 0))


def _one_of_each(blocks: Tensor) -> Scales:
    return Scales(_halves(blocks, 0), _halves(blocks, 2))


def _scales_q2_k(blocks: Tensor) -> Scales:
    packed = blocks[:, :16]
    return Scales(_halves(blocks, 80) * (packed & 15), -_halves(blocks, 82) * (packed >> 4))


def _scales_q3_k(blocks: Tensor) -> Scales:
    packed = blocks[:, 96:108]
    lower = torch.cat((packed[:, :8] & 15, packed[:, :8] >> 4), 1)
    upper = torch.cat([packed[:, 8:] >> place & 3 for place in (0, 2, 4, 6)], 1)
    return Scales(_halves(blocks, 108) * _less(lower | upper << 4, 32))


def _scales_of_8(blocks: Tensor) -> Scales:
    """What Q4_K and Q5_K begin with: a scale and a least value of float16, then eight of six bits of each, in twelve
    bytes that are looked at four at a time."""
    first, second, third = blocks[:, 4:16].view(torch.int32).unbind(1)
    scale, least = (first.new_empty(len(first), 2) for _ in range(2))
    _fill(scale[:, 0], first & 0x3F3F3F3F)
    _fill(scale[:, 1], (third & 0x0F0F0F0F) | ((first >> 2) & 0x30303030))
    _fill(least[:, 0], second & 0x3F3F3F3F)
    _fill(least[:, 1], ((third >> 4) & 0x0F0F0F0F) | ((second >> 2) & 0x30303030))
    return Scales(
        scale.view(torch.uint8).float().mul_(_halves(blocks, 0)),
        least.view(torch.uint8).float().mul_(-_halves(blocks, 2)),
    )


def _scales_q6_k(blocks: Tensor) -> Scales:
    return Scales(_halves(blocks, 208) * blocks[:, 192:208].view(torch.int8))


def _scales_iq4_xs(blocks: Tensor) -> Scales:
    lower = (blocks[:, 4:8, None] >> torch.arange(0, 8, 4, dtype=torch.uint8, device=blocks.device)) & 15
    upper = (blocks[:, 2:4, None] >> torch.arange(0, 8, 2, dtype=torch.uint8, device=blocks.device)) & 3
    return Scales(_halves(blocks, 0) * _less(lower.flatten(1) | (upper.flatten(1) << 4), 32))


def _nibbles(blocks: Tensor, start: int, end: int, length: int) -> Tensor:
    return _laid(_bits(blocks, start, end, 4), length).flatten(1)


def _q5_0(blocks: Tensor) -> Tensor:
    return _nibbles(blocks, 6, 22, 16).add_(_fifth_bits(blocks, 2), alpha=16).sub_(16)


def _q5_1(blocks: Tensor) -> Tensor:
    return _nibbles(blocks, 8, 24, 16).add_(_fifth_bits(blocks, 4), alpha=16)


def _q3_k(blocks: Tensor) -> Tensor:
    lower = _laid(_bits(blocks, 32, 96, 2), 32).view(-1, 1, 8, 32)
    return _with_more(lower, _bits(blocks, 0, 32, 1), 4).sub_(4)


def _q5_k(blocks: Tensor) -> Tensor:
    lower = _nibbles(blocks, 48, 176, 32).view(-1, 1, 8, 32)
    return _with_more(lower, _bits(blocks, 16, 48, 1), 16)


def _q6_k(blocks: Tensor) -> Tensor:
    lower = _nibbles(blocks, 0, 128, 64).view(-1, 2, 4, 32)
    return _with_more(lower, _bits(blocks, 128, 192, 2), 16).sub_(32)


BLOCKS = {
    "q4_0": Blocks(_one_scale, lambda blocks: _nibbles(blocks, 2, 18, 16).sub_(8)),
    "q4_1": Blocks(_one_of_each, lambda blocks: _nibbles(blocks, 4, 20, 16)),
    "q5_0": Blocks(_one_scale, _q5_0),
    "q5_1": Blocks(_one_of_each, _q5_1),
    "q8_0": Blocks(_one_scale, lambda blocks: blocks[:, 2:].view(torch.int8).float()),
    "q2_k": Blocks(_scales_q2_k, lambda blocks: _laid(_bits(blocks, 16, 80, 2), 32).flatten(1)),
    "q3_k": Blocks(_scales_q3_k, _q3_k),
    "q4_k": Blocks(_scales_of_8, lambda blocks: _nibbles(blocks, 16, 144, 32)),
    "q5_k": Blocks(_scales_of_8, _q5_k),
    "q6_k": Blocks(_scales_q6_k, _q6_k),
    "iq4_nl": Blocks(_one_scale, lambda blocks: _levels(blocks, 2, 16)),
    "iq4_xs": Blocks(_scales_iq4_xs, lambda blocks: _levels(blocks, 8, 16)),
}
"""By the kind's name (`formats/gguf.py`)."""
