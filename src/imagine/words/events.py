"""What happens to a job, as the worker tells it and every dialect consumes it.

Events cross a process boundary as msgpack; each carries the id of its job. Pictures are encoded already.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..messages import Message
from .moderation import ModerationVerdict


class Event(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """Something that happened to job `job`."""

    job: str


class Queued(Event, frozen=True, tag="queued"):
    """Waiting; `position` 0 is next."""

    position: int


class Loading(Event, frozen=True, tag="loading"):
    """Its model is being loaded: `fraction` 0…1 of the file is read."""

    model: str
    fraction: float = 0.0


class Progress(Event, frozen=True, tag="progress"):
    """`step` of the user's `steps` are done; `remaining` is the estimated time to the picture, in seconds.

    `spent` is how many seconds the job had the device so far: of a step that was shared, its share.
    """

    step: int
    steps: int
    remaining: float | None = None
    spent: float = 0.0

    @property
    def done(self) -> float:
        """How much of it, 0…1, whatever is said."""
        return min(1.0, max(0, self.step) / max(1, self.steps))


class Preview(Event, frozen=True, tag="preview"):
    """The predicted clean picture after `step` steps, encoded as `media_type`, at the requested size."""

    step: int
    steps: int
    data: bytes
    media_type: str = "image/png"


class Finished(Event, frozen=True, tag="finished"):
    """The picture is done: encoded as `media_type`, it carries `meta`, everything that makes it again.

    `timings` holds seconds per stage, `spent` is as in `Progress`.
    """

    data: bytes
    meta: dict[str, Any]
    timings: dict[str, float]
    warnings: list[Message] = []
    media_type: str = "image/png"
    spent: float = 0.0


class Failed(Event, frozen=True, tag="failed"):
    """No picture: `error` names a class of `imagine.words.errors`, `message` is what the user is told."""

    error: str
    message: Message
    verdict: ModerationVerdict | None = None
    """Of `Blocked`: why."""


AnyEvent = Queued | Loading | Progress | Preview | Finished | Failed
