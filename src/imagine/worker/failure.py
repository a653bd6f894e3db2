"""The border where foreign exceptions become ours: torch's, a driver's, the file system's."""

from __future__ import annotations

from ..errors import BadRequest, ImagineError, OutOfMemory, UnusableModel, WorkerLost, without_folders
from ..events import Failed

# Recognised by name, so that this border doesn't import what it guards against.
_OUT_OF_MEMORY = {"OutOfMemoryError", "MemoryError"}
_MODEL = {"SafetensorError", "OSError"}
_DEVICE = {"AcceleratorError"}

# What older or other backends put into a bare RuntimeError.
_OUT_OF_MEMORY_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_DEVICE_TEXTS = ("CUDA error:", "HIP error:", "CUBLAS_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_EXECUTION_FAILED")
_LONGEST = 500


def error_from_exception(error: Exception) -> ImagineError:
    """Our own exception for any other; one of ours is returned as it is.

    A WorkerLost means that the device won't work again in this process, which should end.
    """
    if isinstance(error, ImagineError):
        return error
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if names & _OUT_OF_MEMORY or ("RuntimeError" in names and any(part in text for part in _OUT_OF_MEMORY_TEXTS)):
        return OutOfMemory(f"not enough memory for this picture; a smaller one may fit ({_one_line(text)})")
    if names & _DEVICE or any(part in text for part in _DEVICE_TEXTS):
        return WorkerLost(f"the device failed: {_one_line(text)}")
    if names & _MODEL:
        return UnusableModel(f"the model can't be read: {_one_line(text)}")
    return ImagineError(f"the worker failed: {type(error).__name__}: {_one_line(text)}")


def failed_from_error(job: str, error: ImagineError) -> Failed:
    """The event that ends `job` with `error`; its `error` is the name of a class that `imagine.errors` has."""
    field = error.field if isinstance(error, BadRequest) or error.field else None
    return Failed(job=job, error=type(error).__name__, message=error.note, field=field)


def _one_line(text: str) -> str:
    """The first line that says something, whatever characters a driver or a file name put into it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return without_folders(line[: 4 * _LONGEST])[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
