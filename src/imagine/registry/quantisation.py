"""Whether a file's weights are of kinds that are computed with here, told by its header and by the marks of its layers.

What is missed while a file is listed is refused when it is opened: never is anything drawn with weights that aren't
understood. Of marks that lie beside layers, a few are read: files have one for each of hundreds of layers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..formats.four_bits import STATES
from ..formats.gguf import DEQUANTISED
from ..formats.marks import MARK, METADATA, MOST_BYTES, SCALES, SCALES_OF_SCALES, LayerMark, mark_from, marks_in
from ..messages import Message, message
from ..words.errors import UnusableModel
from .header import Header, TensorInfo
from .identify import DTYPES
from .reading import read_exactly, regular_file

_WEIGHT = ".weight"
_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
_BLOCKS = frozenset(name.upper() for name in (*DEQUANTISED, *STATES.values()))
_PLAIN = frozenset({"F64", "F32", "F16", "BF16", "I64", "I32", "BOOL"})
"""Where nothing is stored otherwise, nothing is quantised."""
_MARKED = {"I8": "int8", "U8": "uint8"}
"""Stored so, weights are told apart by their layer's mark alone."""
_SCALE_DTYPES = frozenset({"F32", "F16", "BF16"})
_POWERS = frozenset({"U8", "F8_E8M0"})
"""Scales that are powers of two, each of 32 weights in a row: those of mxfp8."""
_FOREIGN = (
    (".SCB", "bitsandbytes int8"), *((end, "scales of scales") for end in SCALES_OF_SCALES),
)  # fmt: skip
"""Ends of names that other ways of quantising leave."""
_LOOKED_AT = 16
"""Marks that are read of a file, from its first to its last."""


def quantisation_problem(path: Path, header: Header) -> Message | None:
    """Why the weights of the file at `path` can't be computed with, in a clause, or None."""
    tensors = header.tensors
    if METADATA not in header.metadata and _PLAIN.issuperset(info.dtype for info in tensors.values()):
        return None
    try:
        marks = marks_in(header.metadata) if METADATA in header.metadata else {}
        marks |= _marks_beside(path, header, [name for name in tensors if name.endswith(MARK)])
    except UnusableModel as error:
        note = error.note
        return note if isinstance(note, Message) else message("unfit.quantised", how=MARK[1:])
    return next(_problems(tensors, marks), None)


def _problems(tensors: Mapping[str, TensorInfo], marks: Mapping[str, LayerMark]) -> Iterator[Message]:
    for name in tensors:  # before what their own weights look like
        if found := next(((end, how) for end, how in _FOREIGN if name.endswith(end)), None):
            end, how = found
            weight = tensors.get(name.removesuffix(end) + _WEIGHT)
            packed = end in SCALES_OF_SCALES and weight is not None and weight.dtype == "U8"
            yield message("unfit.quantised", how="nvfp4" if packed else how)
    for name, info in tensors.items():
        if name.endswith(SCALES):
            yield from _problem_of_scale(name, info, tensors)
        elif name.endswith(_WEIGHT) and info.dtype in _MARKED:
            layer = name.removesuffix(_WEIGHT)
            if layer not in marks and layer + MARK not in tensors:
                yield message("unfit.quantised", how=_MARKED[info.dtype])
        elif name.endswith(_WEIGHT) and info.dtype not in _FLOATS | _BLOCKS:
            yield message("unfit.quantised", how=DTYPES.get(info.dtype, info.dtype.lower()))


def _problem_of_scale(name: str, info: TensorInfo, tensors: Mapping[str, TensorInfo]) -> Iterator[Message]:
    """Scales are floats: one of all weights, or one of each row."""
    weight = tensors.get(next(name.removesuffix(end) for end in SCALES if name.endswith(end)) + _WEIGHT)
    if info.dtype not in _SCALE_DTYPES:
        micro = info.dtype in _POWERS and weight is not None and weight.dtype in _FLOATS
        yield message("unfit.quantised", how="mxfp8" if micro else f"scales of {info.dtype}")
    of_rows = weight is not None and weight.shape[:1] == info.shape[:1] == (info.elements,)
    if weight is not None and info.elements != 1 and not of_rows:
        yield message("unfit.quantised", how=f"scales of shape {list(info.shape)}")


def _marks_beside(path: Path, header: Header, names: list[str]) -> dict[str, LayerMark]:
    """Some of the marks that lie beside layers. Raises UnusableModel for one that isn't of ours."""
    if not names:
        return {}
    read: dict[str, LayerMark] = {}
    with regular_file(path) as (file, _):
        for name in {*names[:: -(-len(names) // _LOOKED_AT)], names[-1]}:
            info = header.tensors[name]
            if info.dtype != "U8" or info.end - info.start > MOST_BYTES:
                raise UnusableModel(message("weights.not_understood", name=name))
            os.lseek(file, header.data_start + info.start, os.SEEK_SET)
            read[name.removesuffix(MARK)] = mark_from(read_exactly(file, info.end - info.start), name)
    return read
