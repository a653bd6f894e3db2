"""What a key with a name may ask for, held to before an order is accepted, whichever dialect it comes in.

What was used is remembered in memory, and where there is a book of orders that last, there too, so that a restart gives
nobody a second helping.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from ...dispatch.estimates import work_of
from ...fairness.quotas import KeyUse, LimitLeft, UsedByKey, bounds_time
from ...messages import message
from ...settings.keys import NamedKey
from ...words.errors import ImagineError, OverQuota
from ...words.frames import Submit
from ..http.context import LIMIT

_log = logging.getLogger("imagine.jobs")
_SOON = 10.0
"""Seconds after which to ask again where orders have to end first."""
_MILLION = 1e6
_WHAT = {
    "pictures_per_hour": message("quota.pictures_per_hour"),
    "pictures_per_day": message("quota.pictures_per_day"),
    "megapixel_steps_per_hour": message("quota.megapixel_steps_per_hour"),
    "megapixel_steps_per_day": message("quota.megapixel_steps_per_day"),
}


class UseBook(Protocol):
    """What outlives the process of what keys used, and which of their orders are in it."""

    async def uses(self) -> list[tuple[str, KeyUse]]:
        """Those of the last day, by key, the oldest first. Raises ImagineError."""

    async def note_use(self, key: str, use: KeyUse) -> None:
        """Writes one down. Raises ImagineError."""

    async def open_orders(self, key: str) -> int:
        """How many of a key's orders that last have not ended. Raises ImagineError."""


class KeyQuotas:
    """One gateway's. Used from one event loop; `wall` is in Unix seconds."""

    def __init__(self, attached: Callable[[str], int], wall: Callable[[], float] = time.time) -> None:
        """`attached` says how many of a key's orders that don't last have not ended."""
        self._attached, self._wall = attached, wall
        self._used: defaultdict[str, UsedByKey] = defaultdict(UsedByKey)
        self._admitting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._recalling = asyncio.Lock()
        self._known = False
        self.book: UseBook | None = None
        """Once there is one."""

    @contextlib.asynccontextmanager
    async def admitted(self, named: NamedKey | None, jobs: Sequence[Submit]) -> AsyncGenerator[None]:
        """Its order is accepted in this block, or what it would use is given back, unless its client went away
        meanwhile. Raises OverQuota."""
        if named is None:
            yield
            return
        async with self._admitting[named.name]:  # many connections at once are no more than one
            await self._recall()
            await self._check_orders(named)
            use = self._take(named, jobs)
            is_noted = await self._note(named, use)
            try:
                yield
            except Exception:  # no client that goes away: what it asked for may stand in the book by then
                self._used[named.name].give_back(use)
                if is_noted:
                    await self._note(named, KeyUse(use.at, -use.pictures, -use.work))
                raise

    async def used(self, named: NamedKey) -> list[LimitLeft]:
        """What is left of each limit on hours and days."""
        await self._recall()
        return list(self._used[named.name].left(named.limits, KeyUse(self._wall(), 0, 0.0)))

    def _take(self, named: NamedKey, jobs: Sequence[Submit]) -> KeyUse:
        work = sum(work_of(job.params) for job in jobs) / _MILLION
        use, used = KeyUse(self._wall(), len(jobs), work), self._used[named.name]
        lefts = list(used.left(named.limits, use))
        over = [each for each in lefts if each.used + _wanted(each, use) > each.most]
        if over:
            worst = max(over, key=lambda each: each.wait)
            LIMIT.set(worst)
            raise OverQuota(
                message(
                    "quota.used", None, what=_WHAT[worst.name], most=worst.most, used=round(worst.used),
                    wanted=round(_wanted(worst, use)), seconds=round(worst.wait),
                ),
                retry_after=max(1.0, worst.wait),
            )  # fmt: skip
        used.add(use)
        if lefts:
            left = min(used.left(named.limits, KeyUse(use.at, 0, 0.0)), key=lambda each: each.left / max(1, each.most))
            LIMIT.set(left)
        return use

    async def _check_orders(self, named: NamedKey) -> None:
        most = named.limits.orders
        if most is None:
            return
        own = self._attached(named.name) + await self._lasting(named.name)
        if own >= most:
            LIMIT.set(LimitLeft("orders", most, own, _SOON))
            raise OverQuota(message("quota.orders", most=most, own=own), retry_after=_SOON)

    async def _lasting(self, key: str) -> int:
        """How many of its orders that last have not ended; where the book can't be used, none comes to be either."""
        if self.book is None:
            return 0
        try:
            return await self.book.open_orders(key)
        except ImagineError as error:
            _log.warning("how many orders of the key %s wait can't be read: %s", key, error)
            return 0

    async def _recall(self) -> None:
        """What the book has of before; from then on it has what memory has. Whoever comes meanwhile waits for it."""
        async with self._recalling:
            if self.book is None or self._known:
                return
            try:
                before = await self.book.uses()
                since = self._remember(before)
                for name, use in since:
                    await self.book.note_use(name, use)
            except ImagineError as error:
                _log.warning("what keys used before can't be read, or written down: %s", error)

    def _remember(self, before: list[tuple[str, KeyUse]]) -> list[tuple[str, KeyUse]]:
        """Takes over what was used before; what has been used since, which the book hasn't. At once: whose client goes
        away on the way makes nothing forgotten."""
        since = [(name, use) for name, used in self._used.items() for use in used.uses]
        self._used.clear()
        for name, use in [*before, *since]:
            self._used[name].add(use)
        self._known = True
        return since

    async def _note(self, named: NamedKey, use: KeyUse) -> bool:
        """Whether it is written down: only what is bounded needs to be, and not before what was there is known."""
        if self.book is None or not self._known or not bounds_time(named.limits):
            return False
        try:
            await self.book.note_use(named.name, use)
        except ImagineError as error:
            _log.warning("what the key %s uses can't be written down: %s", named.name, error)
            return False
        return True


def _wanted(limit: LimitLeft, use: KeyUse) -> float:
    return use.work if limit.name.startswith("megapixel") else use.pictures
