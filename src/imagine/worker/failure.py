"""The border where foreign exceptions become ours: torch's, a driver's, the file system's."""

from __future__ import annotations

from ..engine.device.errors import is_lost, ran_out
from ..messages import Value, message
from ..words.errors import Blocked, ImagineError, OutOfMemory, UnusableModel, WorkerLost, without_folders
from ..words.events import Failed

# Recognised by name, so that this border doesn't import what it guards against.
_MODEL = {"SafetensorError", "OSError"}
_LONGEST = 500


def error_from_exception(error: Exception) -> ImagineError:
    """Our own exception for any other; one of ours is returned as it is.

    A WorkerLost means that the device won't work again in this process, which should end.
    """
    if isinstance(error, ImagineError):
        return error
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if ran_out(error):
        return OutOfMemory(message("memory.failed", why=_one_line(text)))
    if is_lost(error):
        return WorkerLost(message("device.failed", why=_one_line(text)))
    if names & _MODEL:
        return UnusableModel(message("model.not_read", why=_one_line(text)))
    return ImagineError(message("worker.error", kind=type(error).__name__, why=_one_line(text)))


def failed_from_error(job: str, error: ImagineError) -> Failed:
    """The event that ends `job` with `error`; its `error` is the name of a class that `imagine.words.errors` has."""
    verdict = error.verdict if isinstance(error, Blocked) else None
    return Failed(job=job, error=type(error).__name__, message=error.note, verdict=verdict)


def _one_line(text: str) -> Value:
    """The first line that says something, whatever characters a driver or a file name put into it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), None)
    if line is None:
        return message("worker.no_reason")
    return without_folders(line[: 4 * _LONGEST])[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
