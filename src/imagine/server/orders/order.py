"""One request for pictures on its way: an id, a lifetime, and what happened to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from ...fairness.allowance import Holding
from ...messages import Message, message
from ...words.events import Failed
from ...words.recipe import GenerationParams
from .event_log import EventLog
from .output import Output
from .painted import Painted

State = Literal["open", "succeeded", "failed", "cancelled"]


class OrderedPicture(NamedTuple):
    """One picture of an order: the job that makes it, and its recipe. Its input pictures are the job's alone."""

    job: str
    params: GenerationParams


class Keeper(Protocol):
    """Writes down what becomes of an order, before anybody is told."""

    async def keep(self, order: Order, index: int, painted: Painted) -> None:
        """A picture is there."""

    async def leave_out(self, order: Order, index: int, refused: Failed) -> None:
        """A picture isn't to be shown, and others are."""

    async def fail(self, order: Order, state: State, failed: Failed) -> bool:
        """It comes to nothing; False where another attempt is made instead."""

    async def began(self, order: Order) -> None:
        """A worker is at it, and somebody wants to be told."""

    def ended(self, order: Order) -> None:
        """Everybody has been told that it has ended."""


@dataclass(eq=False, slots=True, kw_only=True)
class LastingPart:
    """What an order has that is written down: where, whose it is, and under which names its pictures lie."""

    number: int
    owner: str
    created: float
    """In Unix seconds."""
    epoch: str
    """Tells its log from one that it had before, of which numbers of events were told."""
    keeper: Keeper
    told_begun: bool
    """Was it said that a worker is at it, or does nobody want to know?"""
    names: dict[int, str] = field(default_factory=dict)
    catching_up: asyncio.Lock
    """Held by who has its log tell of what was written down before."""


@dataclass(eq=False, slots=True, kw_only=True, weakref_slot=True)
class Order:
    """One request for pictures. An `attached` one ends with the connection that asked for it."""

    id: str
    client: str
    attached: bool
    pictures: list[OrderedPicture]
    warnings: list[Message]
    output: Output
    streams: bool
    """Does the client want to be told of what happens in between?"""
    progress: bool
    """Does it want to be told of each step?"""
    placed_at: float
    holding: Holding
    """What its input pictures take, while they are needed."""
    log: EventLog
    open: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    """What follows the jobs that have not ended, by their pictures' index."""
    left_out: dict[int, Failed] = field(default_factory=dict)
    """The pictures that aren't to be shown, beside others that are: by their index, what is told instead."""
    skipped: set[int] = field(default_factory=set)
    """Those that their client doesn't want any more, by their index; once their jobs have ended, they are left out."""
    key: str | None = None
    """The name of the key that it was asked with."""
    lasting: LastingPart | None = None
    """Of one that outlives its connection, and the process."""
    attendants: int = 0
    """Connections that wait for it."""
    """An attached order ends with the last of them."""
    state: State = "open"

    @property
    def told_left_out(self) -> list[Message]:
        """A sentence on each picture that is left out so far, for who isn't told of them one by one."""
        count, left = len(self.pictures), sorted(self.left_out.items())
        return [
            message(
                "blocked.one", None, number=index + 1, count=count, seed=str(self.pictures[index].params.seed),
                why=refused.message,
            )
            for index, refused in left
        ]  # fmt: skip
