"""Tensors to where and as what they are computed with; what is right already is not copied.

What goes to another device goes there as it is stored and is cast there, unless the device doesn't know what it is
stored as. On the CPU a cast runs in pieces that fit its
cache: torch's own half to bfloat16 takes three times as long, as it goes element by element (measured).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from ...files.mapped import release
from ...messages import message
from ...words.errors import UnusableModel
from ..quantised.eights import WIDTHS
from ..quantised.tensor import Quantised
from .checkpoint_file import is_aligned
from .upload import Upload

FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)
_STORED = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_PIECE = 2**19
_KEPT = 2**16
"""Numbers of which a tensor at least stays in its file, where that is wanted: what is smaller is cast at once."""
_in_files = ContextVar("_in_files", default=False)
_UNKNOWN = {"mps": (torch.float64, *FLOAT8)}
"""What kinds of device can't even hold."""


def place(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A mapped `tensor` on `device` in `dtype`: itself where it is both, else a copy, its own memory given back.

    What is quantised is only told to be numbers of that dtype.
    """
    if tensor.device == device:
        if isinstance(tensor, Quantised):
            return tensor.to(dtype)
        if tensor.dtype == dtype and (device.type != "cpu" or is_aligned(tensor)):
            return tensor
        if _in_files.get() and (kept := as_stored(tensor, dtype)) is not None:
            return kept
        placed = _cast(tensor, dtype)
    else:
        placed = (tensor if holds(device, tensor.dtype) else _cast(tensor, dtype)).to(device).to(dtype)
    if tensor.device.type == "cpu":
        release(tensor.data_ptr(), tensor.nbytes)
    return placed


@contextmanager
def stored_in_files(wanted: bool) -> Iterator[None]:
    """For the length of a block, in this thread, what is placed in main memory stays as its file has it."""
    token = _in_files.set(wanted)
    try:
        yield
    finally:
        _in_files.reset(token)


def as_stored(tensor: Tensor, dtype: torch.dtype) -> Quantised | None:
    """A mapped tensor that is numbers of `dtype` only while a layer works; None where that isn't worth it."""
    kind = str(tensor.dtype).removeprefix("torch.")
    if kind not in WIDTHS or tensor.dim() < 2 or tensor.numel() < _KEPT or not is_aligned(tensor):
        return None
    rows = tensor.contiguous().view(tensor.shape[0], -1).view(torch.uint8)
    return Quantised(rows, kind, tensor.shape, dtype)


def as_computed(module: Module) -> None:
    """Have a network hold what `as_stored` left as its file has it in what it computes in."""
    for layer in module.modules():
        parameters: dict[str, Any] = layer._parameters
        for name, parameter in parameters.items():
            if isinstance(parameter, Quantised) and parameter.kind in WIDTHS:
                parameters[name] = Parameter(parameter.dequantised(), requires_grad=False)


def place_all(
    tensors: Iterable[tuple[str, Tensor]], device: torch.device, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor, int]]:
    """Tensors by their paths, as they come: each placed, and how many bytes it had."""
    if device.type == "cuda":
        yield from Upload(device, dtype).run(tensors)
        return
    for path, tensor in tensors:
        yield path, place(tensor, device, dtype), tensor.nbytes


def holds(device: torch.device, dtype: torch.dtype) -> bool:
    """Does the device know the dtype at all?"""
    return dtype not in _UNKNOWN.get(device.type, ())


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    source = tensor if is_aligned(tensor) else tensor.clone()
    if {source.dtype, dtype} != {torch.float16, torch.bfloat16} or source.device.type != "cpu":
        return source.to(dtype, copy=True)
    placed = torch.empty_like(source, dtype=dtype)
    old, new = source.reshape(-1), placed.view(-1)
    for start in range(0, len(old), _PIECE):
        new[start : start + _PIECE] = old[start : start + _PIECE].float()
    return placed


def stored_dtype(tensors: dict[str, Tensor]) -> torch.dtype:
    """What most of `tensors`' bytes are stored as, to compute with: float16 for 8 bits, float32 for 64.

    Raises UnusableModel where a tensor is of no float at all.
    """
    total: dict[torch.dtype, int] = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in (*_STORED, *FLOAT8):
            raise UnusableModel(message("weights.no_float", name=name, dtype=str(tensor.dtype).removeprefix("torch.")))
        total[tensor.dtype] = total.get(tensor.dtype, 0) + tensor.nbytes
    most = max(total, key=lambda dtype: total[dtype], default=torch.float32)
    return torch.float16 if most in FLOAT8 else torch.float32 if most == torch.float64 else most
