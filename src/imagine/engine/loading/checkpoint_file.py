"""A safetensors file as tensors that lie in the mapped file: opened in a moment, read when touched.

The safetensors library checks the header: its size, the dtypes, that the tensors tile the data and that all of it is
there. The mapping is private, so nothing written to a tensor reaches the file. It lives as long as one of its tensors.
Whoever truncates a mapped file in place kills its readers; files must be replaced by rename.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from imagine.errors import UnusableModel

SUFFIX = ".safetensors"


class CheckpointFile:
    """`tensors`, `metadata` and the size in bytes (`nbytes`) of the file at `path`.

    Raises UnusableModel for a missing, truncated or hostile file, and for any other format: pickles run code.
    """

    def __init__(self, path: str) -> None:
        if Path(path).suffix.lower() != SUFFIX:
            raise UnusableModel(f"it is not a {SUFFIX} file, and no other format is opened")
        try:
            # Opening a FIFO would wait for its writer.
            if not Path(path).is_file():
                raise UnusableModel("it is not there, or not a regular file")
            self.nbytes = Path(path).stat().st_size
            with safe_open(path, framework="pt", device="cpu") as file:
                self.metadata: Mapping[str, str] = file.metadata() or {}
                self.tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise UnusableModel(f"it is no whole safetensors file: {error}") from error


def is_aligned(tensor: Tensor) -> bool:
    """Whether `tensor` lies where elements of its size may; a header of odd length shifts all that follow it."""
    return tensor.data_ptr() % tensor.element_size() == 0


def release(tensor: Tensor) -> None:
    """Give back the memory of a mapped `tensor` that was read for the last time. Reading it again would still work.

    Whole pages only, and only on Linux: it spares memory, and nothing depends on it.
    """
    if sys.platform != "linux":
        return
    page = mmap.PAGESIZE
    start = -(-tensor.data_ptr() // page) * page
    length = (tensor.data_ptr() + tensor.nbytes) // page * page - start
    if length > 0:
        _libc().madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_DONTNEED)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
