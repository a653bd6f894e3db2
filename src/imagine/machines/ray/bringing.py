"""What one machine of the cluster is to bring from here, one component at a time: lent, heard of, given up on.

What it says of that is believed within bounds: bytes are no more than were lent, and something came only where it says
that it has it, too. A machine that failed isn't asked for the same again for some minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ...dispatch.worker import BringState
from ...messages import Message, message
from ...words.errors import ImagineError
from ...words.model import Component
from ..lending import Lender
from ..lent import Brought, Lent, seconds_for
from ..parting import Lie
from ..told import note_of

_log = logging.getLogger(__name__)
_AGAIN = 300.0
"""Seconds after which something that didn't come is asked for again."""
_MOST_FAILED = 256


class _FileFailure(NamedTuple):
    """Of one component that didn't come."""

    again: float
    """When it may be asked for once more, by the loop's clock."""
    why: Message


class _FileWay:
    """Of one component."""

    def __init__(self) -> None:
        self.done = self.size = 0
        self.over = asyncio.Event()
        self.lent: Lent | None = None
        self.task: asyncio.Task[None]


class RemoteBringing:
    """The `dispatch.worker.Brings` of a machine; `changed` is called once something came, or won't."""

    def __init__(
        self, lender: Lender, changed: Callable[[], None], seconds: Callable[[int], float] = seconds_for
    ) -> None:
        self._lender, self._changed, self._seconds = lender, changed, seconds
        self._loop = asyncio.get_running_loop()
        self._say: Callable[[Lent], None] | None = None
        self._held: frozenset[str] = frozenset()
        self._told = asyncio.Event()
        self._ways: dict[str, _FileWay] = {}
        self._failed: dict[str, _FileFailure] = {}
        self._given_up: set[str] = set()
        """What the machine may speak of yet, since it was lent and then waited for no longer."""
        self._broken_off: set[str] = set()
        """What was on its way when the machine was lost, once."""
        self._why: Message | None = None
        self._turn = asyncio.Lock()

    @property
    def state(self) -> BringState | None:
        """All of it."""
        if self._ways:
            ways = self._ways.values()
            return BringState(sum(way.done for way in ways), sum(way.size for way in ways))
        return None if self._why is None else BringState(0, 0, self._why)

    def begin(self, parts: Iterable[Component]) -> bool:
        """As the protocol says: of files that lie here."""
        lacking = [part for part in parts if part.digest and part.digest not in self._held]
        if self._say is None or not all(part.files for part in lacking) or self.failure(lacking) is not None:
            return False
        for part in lacking:
            if part.digest not in self._ways:
                way = self._ways[part.digest] = _FileWay()
                way.task = asyncio.create_task(self._bring(part, way))
        return True

    def is_coming(self, parts: Iterable[Component]) -> bool:
        """As the protocol says."""
        return any(part.digest in self._ways for part in parts)

    def failure(self, parts: Iterable[Component]) -> Message | None:
        """As the protocol says."""
        now = self._loop.time()
        failed = (self._failed.get(part.digest) for part in parts)
        return next((each.why for each in failed if each is not None and each.again > now), None)

    def live(self, say: Callable[[Lent], None]) -> None:
        """Somebody there is told by `say` what is lent to them."""
        self._say = say

    def lose(self, why: Message) -> None:
        """Nobody is there any more. What was lent is asked for again once somebody is, and the second time it isn't."""
        self._say = None
        self._told.clear()
        self._given_up.clear()
        for digest, way in [*self._ways.items()]:
            way.task.cancel()
            is_second = way.lent is not None and digest in self._broken_off
            if way.lent is not None:
                self._broken_off ^= {digest}
            self._end(digest, way, why if is_second else None)

    def hold(self, digests: frozenset[str]) -> None:
        """The machine says that it has these files."""
        self._held = digests
        self._told.set()

    def hear(self, brought: Brought) -> None:
        """The machine says how far something is. Raises Lie."""
        way = self._ways.get(brought.digest)
        if way is None or way.lent is None:
            if brought.digest in self._given_up:  # which nobody told the machine, that is at it yet
                return
            raise Lie(message("lie.job"))
        way.done = max(0, min(brought.done, way.size))
        if brought.is_over:
            why = None if brought.why is None else note_of(brought.why)
            self._end(brought.digest, way, why)

    async def _bring(self, part: Component, way: _FileWay) -> None:
        """To its end."""
        try:
            async with self._turn:
                async with asyncio.timeout(self._seconds(0)):
                    await self._told.wait()
                if part.digest in self._held:
                    self._end(part.digest, way)
                    return
                lent = await self._lender.lend(part)
                way.lent, way.size = lent, lent.size
                assert self._say is not None, "it is cancelled once nobody is there"
                self._say(lent)
                async with asyncio.timeout(2 * self._seconds(lent.size)):
                    await way.over.wait()
        except ImagineError as error:
            self._end(part.digest, way, error.note)
        except TimeoutError:
            if way.lent is not None:
                self._given_up.add(part.digest)
            self._end(part.digest, way, message("fetch.slow"))
        except Exception as error:  # noqa: BLE001 - whatever it is, jobs wait for its end
            _log.exception("%s… can't be lent", part.digest[:12])
            self._end(part.digest, way, message("fetch.failed", why=type(error).__name__))

    def _end(self, digest: str, way: _FileWay, why: Message | None = None) -> None:
        """It came, or `why` it didn't; without either it stopped, and may be asked for at once."""
        if self._ways.pop(digest, None) is None:
            return
        way.over.set()
        if self._say is not None:
            self._broken_off.discard(digest)
        if way.lent is not None:
            self._lender.take_back(way.lent)
            if why is None and self._say is not None and digest not in self._held:
                why = message("lie.holdings")
        self._why = why
        if why is not None:
            failure = _FileFailure(self._loop.time() + _AGAIN, why)
            self._failed = dict([*self._failed.items()][-_MOST_FAILED:]) | {digest: failure}
        self._changed()
