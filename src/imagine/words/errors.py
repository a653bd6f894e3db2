"""Every exception of Imagine.

ImagineError                    anything we raise on purpose; its text is one sentence for the user
├── BadRequest                  the request is wrong; names the field
│   ├── BadPicture              an input picture can't be used
│   ├── PartNotFound            no file of that kind and name to go beside the model
│   ├── Blocked                 the owner, or the policy that they chose, doesn't want it drawn
│   └── Unsupported             understood, but this model or sampler can't do it
├── ModelNotFound               no model of that name
├── UnusableModel               the file is there and can't be loaded; says why
│   └── ModelChanged            it became another file while it was in use: ask again
├── DownloadFailed              what was to be fetched can't be had, or isn't what it should be
├── Busy                        the queue is full; try again later
│   └── OverQuota               its key may ask for no more for now
├── OutOfMemory                 not enough device memory, even after freeing what could be freed
├── Cancelled                   the client took the job back
├── WorkerLost                  the process that made the picture died or hung
└── AssistantFailed             there is no plan, and the request requires one
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ..messages import Message, message

if TYPE_CHECKING:
    from .moderation import ModerationVerdict

Reason = Literal["missing", "type", "too small", "too large", "too long", "value"]
"""What is wrong with a field, for dialects that have a word for it."""


class ImagineError(Exception):
    """The root: `note` is what a user is told, and `str(error)` says it in English."""

    def __init__(self, note: Message) -> None:
        super().__init__(str(note))
        self.note = note

    @property
    def field(self) -> str | None:
        """The field that it is about, where there is one."""
        return self.note.field


_FOLDERS = re.compile(r"(?<![\w.:/\\])(?:/|[A-Za-z]:\\)(?:[^\s/\\'\":]+[/\\])+(?=[^\s/\\])")
_QUOTED = re.compile(r"(['\"])(?:/|[A-Za-z]:\\)(?:[^'\"]*[/\\])(?=[^/\\'\"]+\1)")


def without_folders(text: str) -> str:
    """A foreign error's words, with only the last part of every path: where things lie is nobody's business."""
    return _FOLDERS.sub("", _QUOTED.sub(r"\1", text))


class BadRequest(ImagineError):
    """The request is wrong; `field` names what is, `reason` how."""

    def __init__(self, note: Message, *, reason: Reason = "value") -> None:
        super().__init__(note)
        self.reason = reason


class BadPicture(BadRequest):
    """An input picture can't be used."""


class PartNotFound(BadRequest):
    """No file of that kind and name is here, to go beside the model."""


class Blocked(BadRequest):
    """The owner of the server, or the policy that they chose, doesn't want it drawn; `verdict` says why."""

    def __init__(self, note: Message, verdict: ModerationVerdict) -> None:
        super().__init__(note)
        self.verdict = verdict


class Unsupported(BadRequest):
    """Understood, but the model, sampler or device can't do it."""


class ModelNotFound(ImagineError):
    """No model of that name, nor of the one that it is an alias of."""

    def __init__(self, name: str, *, meant: str | None = None, similar: Sequence[str] = ()) -> None:
        if meant is not None:
            note = message("model.missing_alias", "model", value=name, meant=meant)
        elif similar:
            note = message("model.missing_similar", "model", value=name, similar=", ".join(similar))
        else:
            note = message("model.missing", "model", value=name)
        super().__init__(note)
        self.name = name


class UnusableModel(ImagineError):
    """The file or folder is there and can't be loaded."""


class ModelChanged(UnusableModel):
    """The file became another while it was waited for or in use; asking again gets what it is now."""


class DownloadFailed(ImagineError):
    """What was to be fetched can't be had, or isn't what it should be; what came of it is kept where it is of use."""


class Busy(ImagineError):
    """The queue is full; `retry_after` says in how many seconds to try again."""

    def __init__(self, note: Message, *, retry_after: float) -> None:
        super().__init__(note)
        self.retry_after = retry_after


class OverQuota(Busy):
    """Its key may ask for no more; `retry_after` says for how long."""


class OutOfMemory(ImagineError):
    """Not enough device memory, even after freeing what could be freed."""


class Cancelled(ImagineError):
    """The client took the job back."""


class WorkerLost(ImagineError):
    """The process that made the picture died or hung."""


class AssistantFailed(ImagineError):
    """The assistant has no plan, and the request requires one."""
