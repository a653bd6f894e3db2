"""One life of a worker that isn't in this process, from its start to its end: what whoever keeps it asks of it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..messages import Message
from ..words.frames import AnyCommand


class Life(Protocol):
    """Frames in and out. Used from one event loop."""

    @property
    def ended(self) -> asyncio.Future[Message]:
        """Comes true once it is over and all that it said was heard; its result is why."""

    @property
    def refused(self) -> bool:
        """Did it end because its settings can't be, as another start would too?"""

    @property
    def cut_off(self) -> bool:
        """Was it lost with its machine, or the way there, so that none of its jobs is to blame?"""

    def send(self, command: AnyCommand) -> None:
        """Sends a command; what can't arrive any more is told by `ended`. Raises FrameError."""

    def kill(self, verdict: Message) -> None:
        """Ends it at once, whatever state it is in; `verdict` is why, unless there is a reason already."""
