"""What is known of one worker when somebody has to say where a job goes: what lies there, what it is to do yet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ..messages import Message
from ..words.frames import Ready, Stats
from ..words.model import Component
from .wanted import JobNeeds, ModelWeights

_UNKNOWN = 4 * 2**30
"""Bytes of a model that nobody knows any of."""
_OPENING = 1.0
"""Seconds of a load beside those of its bytes."""
_USUAL = 2.0**30
"""Bytes that are loaded in a second where that wasn't measured."""
_SMOOTHING = 0.3
_REMEMBERED = 512
"""Kinds of jobs of which it is remembered whether a worker has their files."""
_FORGIVEN = 600.0
"""Seconds after which a failure no longer tells anything."""
SHARED = 2**28
"""Bytes of a component that is worth a way to where it lies already."""


class PlacedWorker(Protocol):
    """As much of a `Worker` as its site looks at."""

    @property
    def away(self) -> bool:
        """Is it on another machine?"""

    @property
    def ready(self) -> Ready | None:
        """None while it takes no jobs."""

    @property
    def broken(self) -> Message | None:
        """Why it can't be started."""

    @property
    def stats(self) -> Stats:
        """What it last said it holds."""

    def holds(self, parts: Iterable[Component]) -> bool:
        """Does it have these files?"""


W = TypeVar("W", bound=PlacedWorker)


@dataclass(slots=True)
class Claim:
    """A job's part of a worker's time."""

    wanted: JobNeeds
    seconds: float
    """That it should take there, beside loading."""
    lacking: int
    """Bytes that had to be loaded for it."""
    done: float = 0.0

    @property
    def left(self) -> float:
        return self.seconds * (1.0 - self.done)


@dataclass(eq=False, slots=True)
class WorkerSite(Generic[W]):
    """A worker, as its pool sees it."""

    worker: W
    number: int
    weigh: Callable[[str], ModelWeights | None]
    """What is known of a model by its identity."""
    ready: Ready | None = None
    unheard: bool = True
    """It never took jobs so far."""
    memory: float = math.inf
    """Bytes that weights may take; infinite where nobody knows."""
    stats: Stats | None = None
    models: dict[str, int] = field(default_factory=dict)
    """Bytes by the identity of what is there or coming, least recently used first."""
    coming: dict[str, float] = field(default_factory=dict)
    """Seconds of each load that hasn't ended, as far as is known."""
    claims: dict[str, Claim] = field(default_factory=dict)
    kin: Counter[Hashable] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    """Components of models that are there or coming."""
    left: float = 0.0
    """Seconds of all claims."""
    rate: float = _USUAL
    """Bytes that it loads in a second."""
    failures: int = 0
    """In a row, of the worker itself."""
    failed_at: float = float("-inf")
    _has: dict[Hashable, bool] = field(default_factory=dict)

    @property
    def wait(self) -> float:
        """Seconds until it has done what it holds."""
        return self.left + sum(self.coming.values()) if self.coming else self.left

    def has(self, wanted: JobNeeds) -> bool:
        """Does it have all the files, and may it have the job?"""
        if (known := self._has.get(wanted.key)) is None:
            if len(self._has) >= _REMEMBERED:
                self._has.clear()
            may = not (wanted.stays and self.worker.away)
            known = self._has[wanted.key] = may and self.worker.holds(wanted.files)
        return known

    @property
    def is_current(self) -> bool:
        """Does the worker say still what was taken over?"""
        worker = self.worker
        return worker.ready is self.ready and worker.stats is self.stats

    def look(self) -> None:
        """Takes over what the worker says now."""
        if self.is_current:
            return
        worker = self.worker
        if worker.ready is not self.ready:
            self.ready, self.unheard = worker.ready, self.unheard and worker.ready is None
            self.coming.clear()
            room = worker.ready.room if worker.ready is not None else None
            self.memory = math.inf if room is None else room.memory
        self.stats = worker.stats
        there = {model.identity: model.size or self._size(model.identity) for model in self.stats.models}
        for identity in self.coming.keys() & there.keys():
            del self.coming[identity]
        there |= {identity: self.models[identity] for identity in self.coming}
        order = [*(each for each in self.models if each in there), *(each for each in there if each not in self.models)]
        self.models = {identity: there[identity] for identity in order}
        self.count_parts()

    def forget_files(self) -> None:
        """Other files may lie there now."""
        self._has.clear()

    def lacking(self, wanted: JobNeeds) -> int:
        """Bytes that would have to be loaded for it; 0: everything is there, or about to be."""
        lacking, models, parts = 0, self.models, self.parts
        for weights in wanted.weights:
            if weights.identity not in models:
                own = sum([size for part, size in weights.parts.items() if part not in parts]) or 1
                lacking += own if weights.nbytes else _UNKNOWN
        return lacking

    def is_steady(self, now: float) -> bool:
        """Did it fail lately? Then one job at a time, until one is done."""
        return not self.failures or not self.claims or now - self.failed_at > _FORGIVEN

    def fits(self, wanted: JobNeeds) -> bool:
        """Could all of it lie there, were nothing else there?"""
        return wanted.nbytes <= self.memory

    def load_seconds(self, nbytes: int) -> float:
        """What loading so many bytes takes here."""
        return _OPENING + nbytes / self.rate if nbytes else 0.0

    def in_the_way(self, nbytes: int) -> Iterator[tuple[str, int]]:
        """The models that would have to go for so many bytes more, least recently used first, with their bytes."""
        over = sum(self.models.values()) + nbytes - self.memory
        for identity, size in self.models.items():
            if over <= 0:
                return
            yield identity, size
            over -= size

    def claim(self, job: str, wanted: JobNeeds, seconds: float) -> None:
        """The worker was given a job that should take so many seconds, beside loading."""
        lacking = self.lacking(wanted)
        self.claims[job] = Claim(wanted, seconds, lacking)
        self.left += seconds
        self.kin[wanted.kin] += 1
        for weights in wanted.weights:
            size = self.models.pop(weights.identity, None)
            if size is None:
                size = weights.nbytes or self._size(weights.identity)
                self.coming[weights.identity] = self.load_seconds(lacking)
                lacking = 0
            self.models[weights.identity] = size
        if lacking != self.claims[job].lacking:
            self.count_parts()

    def advance(self, job: str, done: float) -> None:
        """A job is so far: 0…1, and its models are there."""
        claim = self.claims[job]
        before, claim.done = claim.left, done
        self.left += claim.left - before
        self._arrived(claim.wanted)

    def advance_load(self, job: str, fraction: float) -> None:
        """So much of what a job lacked, 0…1, is loaded."""
        claim = self.claims[job]
        if (coming := next((w.identity for w in claim.wanted.weights if w.identity in self.coming), None)) is not None:
            self.coming[coming] = self.load_seconds(claim.lacking) * (1.0 - fraction)

    def release(self, job: str) -> Claim:
        """The worker has a job no more. What nobody there waits for isn't coming."""
        claim = self.claims.pop(job)
        self.left = self.left - claim.left if self.claims else 0.0
        self.kin[claim.wanted.kin] -= 1
        if not self.kin[claim.wanted.kin]:
            del self.kin[claim.wanted.kin]
        self._given_up(claim.wanted)
        return claim

    def learn_load(self, nbytes: int, seconds: float) -> None:
        """Loading so many bytes took so long."""
        if nbytes >= SHARED and seconds > 0:
            self.rate += _SMOOTHING * (nbytes / seconds - self.rate)

    def _arrived(self, wanted: JobNeeds) -> None:
        for weights in wanted.weights[:1]:  # a refiner's comes later
            self.coming.pop(weights.identity, None)

    def _given_up(self, wanted: JobNeeds) -> None:
        awaited = {weights.identity for claim in self.claims.values() for weights in claim.wanted.weights}
        gone = [
            each.identity for each in wanted.weights if each.identity in self.coming and each.identity not in awaited
        ]
        for identity in gone:
            del self.coming[identity], self.models[identity]
        if gone:
            self.count_parts()

    def _size(self, identity: str) -> int:
        known = self.weigh(identity)
        return (known.nbytes if known is not None else 0) or _UNKNOWN

    def count_parts(self) -> None:
        """Looks again what the models there consist of."""
        known = (self.weigh(identity) for identity in self.models)
        self.parts = Counter(part for weights in known if weights is not None for part in weights.parts)
