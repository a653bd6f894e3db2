"""Files that a worker lacks and can have brought: what is asked of it, and when that pays.

A load of gigabytes over a network is bought once, while a picture elsewhere is paid for each time. So a worker gets a
model's files once the seconds that its pictures would have been spared there are as many as bringing them takes (the
rule for ski rental, which costs no more than twice the best in hindsight: R. M. Karp, "On-line algorithms versus
off-line algorithms", 1992); or at once, where no other worker could make them. One worker at a time has a model coming.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from ..messages import Message
from .placement import JobPlacement
from .wanted import JobNeeds
from .worker import Worker

_RATE = 10.0**8
"""Bytes a second that a network brings: gigabit Ethernet, nearly."""
_OPENING = 5.0
_LOOKED_AT = 32
"""Workers that are asked whether they lack something, of each job."""
_REMEMBERED = 256
_ON_CPU = 8.0
"""How many times as long as on another device a picture takes on a processor, where neither was measured."""


class Bringing:
    """Of one pool. Used from one event loop."""

    def __init__(self, placement: JobPlacement[Worker]) -> None:
        self._placement = placement
        self._spared: OrderedDict[Hashable, float] = OrderedDict()
        """Seconds that pictures of the same files would have been spared."""
        self._asked = 0

    def note(self, wanted: JobNeeds, worker: Worker) -> None:
        """A job goes to that worker, of those that have its files."""
        lacking = [one for one in self._some() if self._lacks(one, wanted)]
        if not lacking or wanted.params is None or any(_has_coming(one, wanted) for one in self._placement.workers):
            return
        there = {one: self._seconds(one, wanted, worker) for one in lacking}
        best = min(lacking, key=there.__getitem__)
        here = self._seconds(worker, wanted, best)
        owed = self._spared.pop(wanted.key, 0.0) + max(0.0, here - there[best])
        better = sorted((one for one in lacking if there[one] < here), key=there.__getitem__)
        if not any(owed >= _price_of(wanted, one) and _begin(one, wanted) for one in better):
            self._spared[wanted.key] = owed
            if len(self._spared) > _REMEMBERED:
                self._spared.popitem(last=False)

    def help(self, wanted: JobNeeds) -> bool:
        """Are the files of a job that nobody has on their way to somebody, now at least?"""
        workers = [one for one in self._placement.workers if one.brings is not None]
        if any(_has_coming(one, wanted) for one in workers):
            return True
        free = sorted((one for one in workers if self._lacks(one, wanted)), key=self._placement.wait)
        return any(_begin(one, wanted) for one in free)

    def hope(self, wanted: JobNeeds) -> list[Worker]:
        """Who takes no jobs now, and could have the files of this one brought once it does."""
        can = not wanted.stays and all(part.files for part in wanted.files if part.digest)
        away = [one for one in self._placement.workers if can and one.ready is None and not one.broken]
        return [one for one in away if one.brings is not None and one.brings.failure(wanted.files) is None]

    def failure(self, wanted: JobNeeds) -> tuple[str, Message] | None:
        """Where files of a job didn't come, and why."""
        told = (
            (one.place, one.brings.failure(wanted.files)) for one in self._placement.workers if one.brings is not None
        )
        return next(((place, why) for place, why in told if why is not None), None)

    def _some(self) -> list[Worker]:
        """Of those that can have files brought a few, others each time."""
        known = [one for one in self._placement.workers if one.brings is not None]
        at = self._asked % max(1, len(known))
        self._asked += _LOOKED_AT
        return [*known[at:], *known[:at]][:_LOOKED_AT]

    @staticmethod
    def _lacks(worker: Worker, wanted: JobNeeds) -> bool:
        return worker.ready is not None and not wanted.stays and not worker.holds(wanted.files)

    def _seconds(self, worker: Worker, wanted: JobNeeds, other: Worker) -> float:
        """What it costs everybody there; the `other` is what that is weighed against."""
        assert wanted.params is not None, "something is drawn"
        paces = self._placement.paces
        slower = max(0.0, _ON_CPU - paces.slowness(worker)) if _on_cpu(worker) and not _on_cpu(other) else 0.0
        return self._placement.seconds(wanted, worker) + slower * paces.seconds(wanted.params, company=False)


def _begin(worker: Worker, wanted: JobNeeds) -> bool:
    return worker.brings is not None and worker.brings.begin(wanted.files)


def _has_coming(worker: Worker, wanted: JobNeeds) -> bool:
    return worker.brings is not None and worker.brings.is_coming(wanted.files)


def _price_of(wanted: JobNeeds, worker: Worker) -> float:
    """Seconds that bringing takes."""
    lacking = (part for part in wanted.files if not worker.holds([part]))
    return _OPENING + sum(stamp.size for part in lacking for stamp in part.files) / _RATE


def _on_cpu(worker: Worker) -> bool:
    return worker.ready is not None and worker.ready.device.startswith("cpu")
