"""Headers of files whose weights bitsandbytes keeps in four bits: with the shapes and kinds that those weights have."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from ..formats.four_bits import BESIDE, MOST_BYTES, SCALES, FourBitState, state_from, weight_of
from ..messages import message
from ..words.errors import UnusableModel
from .header import Header, TensorInfo
from .reading import read_exactly, regular_file


def with_true_shapes(path: Path, header: Header) -> Header:
    """The header of the file at `path`, where each weight of four bits has its own shape, and its scales what they take
    where they are used; what else lies beside it is left out. Raises UnusableModel for what isn't understood."""
    named = {name: weight for name in header.tensors if (weight := weight_of(name))}
    if not named:
        return header
    states = _states(path, header, named)
    beside = {weight + end for weight in states for end in BESIDE} | named.keys()
    tensors = {name: info for name, info in header.tensors.items() if name not in beside}
    for weight, state in states.items():
        tensors[weight] = _checked(weight, header.tensors.get(weight), state)
        tensors[weight + SCALES] = _scales(weight + SCALES, header.tensors.get(weight + SCALES), state)
    return msgspec.structs.replace(header, tensors=tensors)


def _states(path: Path, header: Header, named: dict[str, str]) -> dict[str, FourBitState]:
    """By the weight's name, in the order of the file."""
    states: dict[str, FourBitState] = {}
    with regular_file(path) as (file, _):
        for name in sorted(named, key=lambda name: header.tensors[name].start):
            info = header.tensors[name]
            if info.dtype != "U8" or info.end - info.start > MOST_BYTES:
                raise UnusableModel(message("weights.not_understood", name=name))
            os.lseek(file, header.data_start + info.start, os.SEEK_SET)
            states[named[name]] = state_from(read_exactly(file, info.end - info.start), name)
    return states


def _checked(name: str, stored: TensorInfo | None, state: FourBitState) -> TensorInfo:
    if stored is None or stored.dtype != "U8" or 2 * stored.elements != state.elements:
        raise UnusableModel(message("weights.not_understood", name=name))
    return TensorInfo(state.quant_type.upper(), state.shape, stored.data_offsets)


def _scales(name: str, stored: TensorInfo | None, state: FourBitState) -> TensorInfo:
    """As they are held: in float32, which a nested one becomes."""
    if stored is None or stored.dtype != ("U8" if state.is_nested else "F32") or stored.shape != (state.scale_count,):
        raise UnusableModel(message("weights.not_understood", name=name))
    return TensorInfo("SCALES", stored.shape, (stored.start, stored.start + 4 * state.scale_count))
