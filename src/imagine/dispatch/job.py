"""One job on its way through the gateway, and what became of all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..fairness.urgency import share_of
from ..messages import Message
from ..words.errors import ImagineError
from ..words.events import Failed, Progress
from ..words.frames import Submit
from .buffer import Buffer
from .wanted import JobNeeds
from .worker import Worker


@dataclass(eq=False, slots=True)
class Job:
    """A job on its way through the gateway; times are of the pool's clock."""

    submit: Submit
    buffer: Buffer
    queued_at: float
    wanted: JobNeeds
    expected: float = 1.0
    """Seconds of the device that it should take."""
    spent: float = 0.0
    """Seconds of it that it had, as told."""
    position: int | None = None
    """In the queue, 0 is next; None when it was never told one."""
    worker: Worker | None = None
    started_at: float | None = None
    stranded_at: float | None = None
    """Since when no worker that is ready has its files."""
    attempts: int = 0
    unwanted: bool = False
    doubted: bool = False
    """Was it with a worker that was lost, and may be why?"""
    lost: Message | None = None
    """What became of the worker that had it before; None: it was lost with none."""
    returned: Worker | None = None
    """Who gave it back as lost and goes on working, as another server does of which nobody may have more; or is
    elsewhere and may come back, to lose it once more."""
    progress: Progress | None = None

    @property
    def cost(self) -> float:
        """What its client is charged for it."""
        return self.expected / self.share

    @property
    def share(self) -> float:
        """By how much less than its seconds that is."""
        return share_of(self.submit.weight, self.submit.priority)

    @property
    def id(self) -> str:
        """Its id."""
        return self.submit.job

    def failed(self, error: type[ImagineError], note: Message) -> Failed:
        """What is said of it where it ends so."""
        return Failed(job=self.id, error=error.__name__, message=note)


@dataclass(kw_only=True)
class Counts:
    """What has happened since the start."""

    finished: int = 0
    made: Counter[str] = field(default_factory=Counter)
    """Of those, by the names of the keys that they were asked for with."""
    failed: Counter[str] = field(default_factory=Counter)
    """By the name of the error."""
    refused: int = 0
    steps: int = 0
