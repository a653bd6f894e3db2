"""What it looks like when the device fails, and not the file or the request: its memory ran out, or it is lost.

Recognised by name and text, so that whoever asks needn't import torch. Libraries wrap errors in others, so that what
an error came from counts too.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator

_SHORT = {"OutOfMemoryError", "MemoryError"}
_SHORT_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    # cuBLAS and cuDNN, and ROCm's in their place, have no room for their handles and workspaces.
    "cublas_status_alloc_failed",
    "hipblas_status_alloc_failed",
    "cublas_status_not_initialized when calling `cublascreate",
    "cudnn_status_alloc_failed",
    "miopenstatusallocfailed",
    "device_allocation_failed",
    "host_allocation_failed",
    "cufft_alloc_failed",
    # None of cuDNN's algorithms had room: torch drops the error of each, and says this in the end.
    "unable to find an engine to execute this computation",
)
"""What is put into a bare RuntimeError, in lower case."""
_LOST = {"AcceleratorError"}
_LOST_TEXTS = ("cuda error:", "hip error:", "cublas_status_execution_failed", "cudnn_status_execution_failed")


def ran_out(error: BaseException) -> bool:
    """Memory did not suffice: less may."""
    return any(_says_short(one) for one in _chain(error))


def is_lost(error: BaseException) -> bool:
    """The device won't work again in this process."""
    return not ran_out(error) and any(
        _names(one) & _LOST or (isinstance(one, RuntimeError) and any(text in str(one).lower() for text in _LOST_TEXTS))
        for one in _chain(error)
    )


def is_of_device(error: BaseException) -> bool:
    """It says nothing of the file that was being read, and must not be taken for its fault."""
    return ran_out(error) or is_lost(error)


def let_go(error: BaseException) -> None:
    """Let go what the functions that ended with `error` held: its traceback would keep it in memory."""
    for one in _chain(error):
        traceback.clear_frames(one.__traceback__)


def _says_short(error: BaseException) -> bool:
    if _names(error) & _SHORT or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _SHORT_TEXTS)


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came from."""
    visited: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in visited:
        visited.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
