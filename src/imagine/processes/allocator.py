"""The C library's allocator in a process that holds little for long: what is large goes back as soon as it is freed.

glibc begins so, and after the first large block that is freed keeps ever larger ones for the next. A gateway's next is
minutes away: a photo that came and went left it 44 MB larger (measured, a body of 11 MB).
"""

from __future__ import annotations

import sys

# malloc/malloc.h of glibc: a parameter of mallopt
_MMAP_THRESHOLD = -3
LARGE = 2**20
"""Bytes from which a block is one of its own."""


def return_large_blocks() -> bool:
    """From now on; False where the C library has no such setting."""
    import ctypes  # not for every import of a server

    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library is not None and hasattr(library, "mallopt") and library.mallopt(_MMAP_THRESHOLD, LARGE) == 1
