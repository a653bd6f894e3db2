"""Every exception of Imagine.

ImagineError                    anything we raise on purpose; its text is one sentence for the user
├── BadRequest                  the request is wrong; names the field
│   ├── BadPicture              an input picture can't be used
│   ├── Blocked                 the owner doesn't want it drawn
│   └── Unsupported             understood, but this model or sampler can't do it
├── ModelNotFound               no model of that name
├── UnusableModel               the file is there and can't be loaded; says why
├── Busy                        the queue is full; try again later
├── OutOfMemory                 not enough device memory, even after freeing what could be freed
├── Cancelled                   the client took the job back
└── WorkerLost                  the process that made the picture died or hung
"""

from __future__ import annotations

from typing import Literal

Reason = Literal["missing", "type", "too small", "too large", "too long", "value"]
"""What is wrong with a field, for dialects that have a word for it."""


class ImagineError(Exception):
    """The root: `str(error)` is one sentence that a user can act on."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class BadRequest(ImagineError):
    """The request is wrong; `field` names what is, `reason` how."""

    reason: Reason = "value"

    def __init__(self, message: str, *, field: str | None = None, reason: Reason = "value") -> None:
        super().__init__(message, field=field)
        self.reason = reason


class BadPicture(BadRequest):
    """An input picture can't be used."""


class Blocked(BadRequest):
    """The owner of the server doesn't want it drawn."""


class Unsupported(BadRequest):
    """Understood, but the model, sampler or device can't do it."""


class ModelNotFound(ImagineError):
    """No model of that name, nor of the one that it is an alias of."""

    def __init__(self, name: str, *, meant: str | None = None) -> None:
        why = "" if meant is None else f": it is an alias of '{meant}', which isn't there"
        super().__init__(f"model '{name}' not found{why}", field="model")
        self.name = name


class UnusableModel(ImagineError):
    """The file or folder is there and can't be loaded."""


class Busy(ImagineError):
    """The queue is full; `retry_after` says in how many seconds to try again."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutOfMemory(ImagineError):
    """Not enough device memory, even after freeing what could be freed."""


class Cancelled(ImagineError):
    """The client took the job back."""


class WorkerLost(ImagineError):
    """The process that made the picture died or hung."""
