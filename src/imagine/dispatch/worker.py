"""The seam above which nobody knows what a worker is: a child process, another host, or a fake in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from ..messages import Message
from ..words import errors
from ..words.events import Failed
from ..words.frames import JobReport, Loaded, Ready, Scored, Stats, Submit
from ..words.model import Component, Model
from ..words.moderation import ModerationVerdict

_UNSAID = ModerationVerdict(action="block", categories={}, stage="picture", rule="")
"""Of a worker that blocks a picture and says no more."""


class Events(Protocol):
    """What happens to one job, up to its last event. Leaving early takes the job back."""

    def __aiter__(self) -> Events:
        """Itself."""

    async def __anext__(self) -> JobReport:
        """The next event; being cancelled here is leaving early."""

    async def aclose(self) -> None:
        """Nobody will read on: cancels the job unless it has ended."""


class BringState(NamedTuple):
    """What a worker has coming."""

    done: int
    size: int
    """Bytes."""
    why: Message | None = None
    """Why the last one didn't come, where nothing is coming."""


class Brings(Protocol):
    """Of one worker, which can have files brought."""

    @property
    def state(self) -> BringState | None:
        """None: nothing was asked of it."""

    def begin(self, parts: Iterable[Component]) -> bool:
        """Has those of these files brought that it lacks; False where it can't now, or couldn't a moment ago."""

    def is_coming(self, parts: Iterable[Component]) -> bool:
        """Is one of these files on its way?"""

    def failure(self, parts: Iterable[Component]) -> Message | None:
        """Why one of these files didn't come a moment ago."""


class Worker(Protocol):
    """Something that makes pictures. Used from one event loop."""

    @property
    def place(self) -> str:
        """What it is called among the others, before it is ready too: its device, with a number where several are
        alike, or the host that it is on."""

    @property
    def ready(self) -> Ready | None:
        """What it said when it became ready; None while it can't take jobs."""

    @property
    def broken(self) -> Message | None:
        """Why it can't be started, after several attempts; None while there is hope."""

    @property
    def stats(self) -> Stats:
        """What it last said it holds."""

    @property
    def restarts(self) -> int:
        """How often it had to be started again."""

    @property
    def kept(self) -> bool:
        """Is it looked after, so that it is started again when it is lost?"""

    @property
    def away(self) -> bool:
        """Is it on another machine, so that it makes no job which `stays`?"""

    @property
    def cut_off(self) -> bool:
        """Was it last lost with its machine, or the way there, so that no job is to blame for that?"""

    @property
    def brings(self) -> Brings | None:
        """What has files brought to it that it lacks; None where nothing does."""

    def holds(self, parts: Iterable[Component]) -> bool:
        """Does it have every one of these files? A worker of this machine always does."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Calls `changed` whenever `ready`, `broken` or what it `holds` changes."""

    async def start(self) -> None:
        """Begins to bring it up; returns before it is ready."""

    async def stop(self, grace: float) -> None:
        """Ends it, giving its jobs up to `grace` seconds to end first. What is left fails with WorkerLost."""

    def submit(self, job: Submit) -> Events:
        """Makes a picture. A worker that isn't ready, or is lost on the way, ends the job with WorkerLost.

        Every job's events end with one `Finished` or `Failed`; iterating raises nothing.
        """

    def cancel(self, job: str) -> None:
        """Takes a job back: its events end with `Failed(error="Cancelled")` once the device is free of it."""

    async def load(self, model: Model, keep_alive: float | None = None) -> Loaded:
        """Has a model ready; waits while the worker is starting. Raises the ImagineError that prevents it."""

    async def unload(self, model: str) -> None:
        """Lets a model go. Raises ImagineError."""

    async def score(self, checker: Model, img: bytes) -> Scored:
        """Says what is seen in a picture; waits while the worker is starting. Raises ImagineError."""


def kind_of(failed: Failed) -> type[errors.ImagineError]:
    """The class that a `Failed` names; for a name that isn't ours, what all of them are."""
    kind = getattr(errors, failed.error, errors.ImagineError)
    return kind if isinstance(kind, type) and issubclass(kind, errors.ImagineError) else errors.ImagineError


def error_from_failed(failed: Failed) -> errors.ImagineError:
    """The exception that a `Failed` names, to be raised on this side."""
    kind = kind_of(failed)
    if kind.__name__ == errors.Busy.__name__:
        return errors.Busy(failed.message, retry_after=1.0)
    if kind.__name__ == errors.Blocked.__name__:
        return errors.Blocked(failed.message, failed.verdict or _UNSAID)
    error = kind.__new__(kind)
    errors.ImagineError.__init__(error, failed.message)
    return error
