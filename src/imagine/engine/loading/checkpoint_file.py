"""A safetensors file as tensors that lie in the mapped file: opened in a moment, read when touched.

The safetensors library checks the header: its size, the dtypes, that the tensors tile the data and that all of it is
there. The tensors are mapped here, since its own `get_tensor` has each of them fetched before it returns: 1.2 s for 2
GB of a cold file (version 0.8, measured), in which nothing could be cast.
The mapping is private, so nothing written to a tensor reaches the file. It lives as long as one of its tensors.
Whoever truncates a mapped file in place kills its readers; files must be replaced by rename.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...messages import message
from ...words.errors import UnusableModel
from ..device.errors import is_of_device
from .weights import Metadata

SUFFIX = ".safetensors"
_SUFFIXES = (SUFFIX, ".sft")
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
_LENGTH = 8
"""Bytes before the header that say how long it is."""


class CheckpointFile:
    """The weights in the file at `path`, its metadata and its size in bytes (`nbytes`).

    Raises UnusableModel for a missing, truncated or hostile file, and for any other format: pickles run code.
    """

    def __init__(self, path: str) -> None:
        if Path(path).suffix.lower() not in _SUFFIXES:
            raise UnusableModel(message("weights.format", suffix=SUFFIX))
        try:
            # Opening a FIFO would wait for its writer.
            if not Path(path).is_file():
                raise UnusableModel(message("weights.not_there"))
            self.nbytes = Path(path).stat().st_size
            with safe_open(path, framework="pt", device="cpu") as file:
                self.metadata: Metadata = file.metadata() or {}
                self._tensors: dict[str, Tensor] = _mapped(file, path, self.nbytes)
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            if is_of_device(error):
                raise
            raise UnusableModel(message("weights.not_whole", why=str(error))) from error

    @property
    def names(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._tensors[name].shape)

    def stored(self, name: str) -> torch.dtype:
        return self._tensors[name].dtype

    def read(self, name: str) -> Tensor:
        """The mapped file itself."""
        return self._tensors[name]


def _mapped(file: Any, path: str, nbytes: int) -> dict[str, Tensor]:
    """The tensors of an opened file, none of them read: they lie one behind the other from the header to the end.

    A tensor of another dtype, or where its own may not lie, comes by the library's own way.
    """
    with Path(path).open("rb") as opened:
        start = _LENGTH + int.from_bytes(opened.read(_LENGTH), "little")
    data = torch.empty(0, dtype=torch.uint8)
    data.set_(torch.UntypedStorage.from_file(path, shared=False, nbytes=nbytes))  # type: ignore[arg-type]
    tensors: dict[str, Tensor] = {}
    for name in file.offset_keys():
        declared = file.get_slice(name)
        shape, dtype = declared.get_shape(), _DTYPES.get(declared.get_dtype())
        if dtype is None or start % dtype.itemsize:
            tensors[name] = file.get_tensor(name)
            start += tensors[name].nbytes
        else:
            end = start + math.prod(shape) * dtype.itemsize
            tensors[name] = data[start:end].view(dtype).view(shape)
            start = end
    if start != nbytes:
        raise UnusableModel(message("weights.ends"))
    return tensors


def is_aligned(tensor: Tensor) -> bool:
    """Whether `tensor` lies where elements of its size may; a header of odd length shifts all that follow it."""
    return tensor.data_ptr() % tensor.element_size() == 0
