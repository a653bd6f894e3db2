"""The memory that a mapped file was read into."""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache


def release(address: int, length: int) -> None:
    """Give back the memory of bytes that were read for the last time. Reading them again would still work.

    Whole pages only, and only on Linux: it spares memory, and nothing depends on it.
    """
    if sys.platform != "linux":
        return
    page = mmap.PAGESIZE
    start = -(-address // page) * page
    length = (address + length) // page * page - start
    if length > 0:
        _libc().madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_DONTNEED)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
