"""Where a job goes: to the worker that it costs everybody the fewest seconds.

Those are what the worker has to do yet, by its own measured speed; what must be loaded, which keeps everybody there
waiting; what has to go for it, as far as that will be asked for again; and the picture itself, less in company. A
model stays together until the line before it is longer than another load, so that popular ones spread and no two
take each other's place in turn. Which job is next isn't said here, but by the queue (`queue.py`).
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from itertools import count
from typing import Generic, NamedTuple

from ..words.errors import WorkerLost
from ..words.events import Failed, Finished, Loading, Progress
from ..words.frames import JobReport
from ..words.same_bits import makes_the_same
from .demand import Demand
from .paces import Paces
from .rankings import EVERYBODY, Rankings, RankStanding
from .sites import SHARED, W, WorkerSite
from .tally import one_less
from .wanted import JobNeeds, ModelWeights

_LOOKED_AT = 4
"""So many workers of each group and tier are weighed against each other, those first that are free first."""
_TIERS = 3
"""Factors of two in speed by which workers are told apart in lines of their own, up and down from the mean."""
_SEEN = 8
"""Workers whose word is looked at anew with each decision, beside those that are weighed."""
_THRIFT = 0.25
"""How much more than its seconds a load counts: where two ways are even, the one without is better."""
_IN_PARTS = 3.0
"""How many times as long a picture is taken to take where its model comes to the device in parts."""
_MODELS = 512


class RunTimes(NamedTuple):
    """Seconds that a worker of mean speed takes for a picture."""

    alone: float
    company: float


class JobPlacement(Generic[W]):
    """The sites of several workers, and the choice between them. Times are the clock's, in seconds."""

    def __init__(
        self,
        workers: Sequence[W],
        *,
        slots: int,
        clock: Callable[[], float],
    ) -> None:
        """`slots` jobs are handed to a worker at one time, and as many again of those who have no other."""
        self.paces = Paces()
        self._slots = slots
        self._clock = clock
        self._demand = Demand()
        self._known: OrderedDict[str, ModelWeights] = OrderedDict()
        self._copies: Counter[str] = Counter()
        self._sharing: Counter[str] = Counter()
        """Of how many models each component is a part."""
        self._sites: dict[W, WorkerSite[W]] = {}
        self._by_number: dict[int, WorkerSite[W]] = {}
        self._numbers = count()
        self._open, self._crowded = Rankings(), Rankings()
        self._round: Iterator[WorkerSite[W]] = iter(())
        for worker in workers:
            self.add(worker)

    def add(self, worker: W) -> None:
        """One more."""
        site = WorkerSite(worker, next(self._numbers), self._known.get)
        self._sites[worker] = self._by_number[site.number] = site
        self._look(site)

    def remove(self, worker: W) -> None:
        """It will not come again, and has no jobs."""
        site = self._sites.pop(worker)
        del self._by_number[site.number]
        one_less(self._copies, site.models)
        self._open.drop(site.number)
        self._crowded.drop(site.number)
        self.paces.forget(worker)

    @property
    def workers(self) -> Collection[W]:
        """All that are known."""
        return self._sites.keys()

    @property
    def has_room(self) -> bool:
        """Is there a worker that could be handed a job of somebody?"""
        return bool(len(self._open) or len(self._crowded))

    def notice(self, worker: W) -> None:
        """Whether it takes jobs has changed, or which files it has."""
        self._sites[worker].forget_files()
        self._look(self._sites[worker])

    def choose(
        self, wanted: JobNeeds, *, newcomer: bool = False, may: Callable[[W], bool] = lambda _: True
    ) -> W | None:
        """The worker to hand it to, which `may` take it; None where none can now. Of a `newcomer`, who has no other
        job, one whose slots are full has places too."""
        for weights in wanted.weights:
            self._remember(weights)
        for _, site in zip(range(_SEEN), self._turn(), strict=False):
            self._look(site)
        for rankings in (self._open, self._crowded) if newcomer else (self._open,):
            if (best := self._best(rankings, wanted, may)) is not None:
                return best.worker
        return None

    def begin(self, job: str, wanted: JobNeeds, worker: W) -> None:
        """The job was handed to it."""
        site, now = self._sites[worker], self._clock()
        for weights in wanted.weights:
            self._demand.note(weights.identity, now)
        before = [*site.models]
        seconds = self._seconds(wanted, company=self._has_company(site, wanted))
        site.claim(job, wanted, seconds * self._slowness(site, wanted))
        self._settle(site, before)

    def hear(self, worker: W, event: JobReport) -> None:
        """The worker said this of a job of its: how fast it is, what it has loaded, whether it can be relied on."""
        if (site := self._sites.get(worker)) is None or (claim := site.claims.get(event.job)) is None:
            return
        match event:
            case Loading():
                site.advance_load(event.job, event.fraction)
            case Progress():
                wanted = claim.wanted
                if wanted.params is not None and site.fits(wanted):
                    company = wanted.kin is not None and site.kin[wanted.kin] > 1
                    self.paces.learn(worker, wanted.params, event.done, event.spent, company=company)
                site.advance(event.job, event.done)
            case Finished():
                site.learn_load(claim.lacking, event.timings.get("loading", 0.0))
                site.failures = 0
            case Failed(error=WorkerLost.__name__):
                site.failures, site.failed_at = site.failures + 1, self._clock()

    def end(self, job: str, worker: W) -> None:
        """The worker has it no more."""
        if (site := self._sites.get(worker)) is None:
            return
        before = [*site.models]
        site.release(job)
        site.look()
        self._settle(site, before)

    def holders(self, wanted: JobNeeds) -> tuple[bool, list[W], list[W]]:
        """Is there a worker that takes jobs and has its files? Else those that are away and have them, one that never
        said what it has among these, and those that have them and can't be started."""
        if any(site.worker.ready is not None and site.has(wanted) for site in self._sites.values()):
            return True, [], []
        others = [site for site in self._sites.values() if site.worker.ready is None]
        away = [site.worker for site in others if not site.worker.broken and (site.unheard or site.has(wanted))]
        return False, away, [site.worker for site in others if site.worker.broken and site.has(wanted)]

    def is_able(self, wanted: JobNeeds, *, beside: W) -> bool:
        """Is there another worker that takes jobs and has its files?"""
        others = (site for site in self._sites.values() if site.worker is not beside)
        return any(site.worker.ready is not None and site.has(wanted) for site in others)

    def best_for(self, wanted: JobNeeds) -> W:
        """Where a model is best had ready, however much there is to do: where it is already, if anywhere."""
        for site in self._sites.values():
            self._look(site)

        def reluctance(site: WorkerSite[W]) -> tuple[bool, bool, bool, bool, float, int, int]:
            cost = self._cost(site, wanted, RunTimes(0.0, 0.0), {})
            return not site.has(wanted), site.ready is None, site.lacking(wanted) > 0, not site.fits(wanted), *cost

        return min(self._sites.values(), key=reluctance).worker

    def wait(self, worker: W) -> float:
        """Seconds until it has done what it holds."""
        return self._sites[worker].wait

    def seconds(self, wanted: JobNeeds, worker: W) -> float:
        """What a picture alone costs everybody there, were its files there."""
        alone = self._seconds(wanted, company=False)
        return self._cost(self._sites[worker], wanted, RunTimes(alone, alone), {})[0]

    def _best(self, rankings: Rankings, wanted: JobNeeds, may: Callable[[W], bool]) -> WorkerSite[W] | None:
        """Of those in these lines, by the first of the wishes in `_levels` that any fulfils."""
        groups = self._groups(wanted)
        times = RunTimes(self._seconds(wanted, company=False), self._seconds(wanted, company=True))
        for level in self._levels(wanted):

            def suits(number: int, level: Callable[[WorkerSite[W]], bool] = level) -> bool:
                site = self._by_number[number]
                return level(site) and site.has(wanted) and may(site.worker)

            sites = [self._by_number[number] for number in rankings.first(groups, _LOOKED_AT, suits)]
            for site in sites:
                self._look(site)
            if ready := [site for site in sites if site.ready is not None]:
                return self._cheapest(ready, wanted, times)
        return None

    def _cheapest(self, sites: Sequence[WorkerSite[W]], wanted: JobNeeds, times: RunTimes) -> WorkerSite[W]:
        best, least = sites[0], (math.inf, 0, 0)
        soon: dict[str, float] = {}
        for site in sites:
            if (cost := self._cost(site, wanted, times, soon, least[0])) < least:
                best, least = site, cost
        return best

    def _levels(self, wanted: JobNeeds) -> Iterator[Callable[[WorkerSite[W]], bool]]:
        """What is asked of a worker, from what is best to nothing: that it makes the same bits, where that is wanted,
        that it didn't fail lately."""
        now = self._clock()
        if (submit := wanted.replayed) is None:
            yield lambda site: site.is_steady(now)
        else:

            def same(site: WorkerSite[W]) -> bool:
                return site.ready is not None and makes_the_same(site.ready, submit)

            yield lambda site: site.is_steady(now) and same(site)
            yield same
        yield lambda _: True

    def _cost(
        self, site: WorkerSite[W], wanted: JobNeeds, times: RunTimes, soon: dict[str, float], most: float = math.inf
    ) -> tuple[float, int, int]:
        """Seconds that it costs everybody there; where that is even, the emptier is better. Of what costs more than
        `most` it is no more than told that it does. `soon` is filled with how likely models are asked for, at one
        moment."""
        wait, load = site.wait, 0.0
        run = (times.company if self._has_company(site, wanted) else times.alone) * self._slowness(site, wanted)
        if wait + run <= most and (lacking := site.lacking(wanted)):
            load = site.load_seconds(lacking) * (1.0 + _THRIFT + len(site.claims))
            if wait + load + run <= most:
                load += sum(site.load_seconds(size) * self._soon(gone, soon) for gone, size in site.in_the_way(lacking))
        return wait + load + run, len(site.models), site.number

    def _soon(self, model: str, known: dict[str, float]) -> float:
        if (likely := known.get(model)) is None:
            likely = known[model] = self._demand.soon(model, self._clock(), self._copies[model])
        return likely

    def _slowness(self, site: WorkerSite[W], wanted: JobNeeds) -> float:
        slowness = self.paces.slowness(site.worker)
        return slowness if site.fits(wanted) else slowness * _IN_PARTS

    def _seconds(self, wanted: JobNeeds, *, company: bool) -> float:
        return 0.0 if wanted.params is None else self.paces.seconds(wanted.params, company=company)

    def _has_company(self, site: WorkerSite[W], wanted: JobNeeds) -> bool:
        """Is there a batch that it makes larger?"""
        return wanted.kin is not None and 0 < site.kin.get(wanted.kin, 0) < wanted.most

    def _remember(self, weights: ModelWeights) -> None:
        new = weights.identity not in self._known
        self._known[weights.identity] = weights
        self._known.move_to_end(weights.identity)
        if new:
            self._sharing.update(weights.parts.keys())
            for site in self._sites.values() if self._copies[weights.identity] else ():
                site.count_parts()
        if len(self._known) > _MODELS:
            one_less(self._sharing, self._known.popitem(last=False)[1].parts)

    def _groups(self, wanted: JobNeeds) -> list[Hashable]:
        """In whose lines to look: of who has a model, or a large component that others have too, and everybody."""
        models = [weights.identity for weights in wanted.weights]
        return [*models, *(part for weights in wanted.weights for part in self._shared(weights)), EVERYBODY]

    def _shared(self, weights: ModelWeights) -> Iterator[str]:
        return (part for part, size in weights.parts.items() if size >= SHARED and self._sharing[part] > 1)

    def _turn(self) -> Iterator[WorkerSite[W]]:
        """All, in turn, on and on."""
        while self._sites:
            if (site := next(self._round, None)) is None:
                self._round = iter(list(self._sites.values()))
            elif site.number in self._by_number:  # not gone amid a round
                yield site

    def _look(self, site: WorkerSite[W]) -> None:
        """Takes over what its worker says now."""
        if not site.is_current:
            before = [*site.models]
            site.look()
            self._settle(site, before)

    def _settle(self, site: WorkerSite[W], before: Collection[str]) -> None:
        """Puts it in the lines where it belongs now; `before` it had these models."""
        one_less(self._copies, before)
        self._copies.update(site.models.keys())
        held, number = len(site.claims), site.number
        lines = self._open if held < self._slots else self._crowded if held < 2 * self._slots else None
        for rankings in (self._open, self._crowded):
            if rankings is not lines or site.ready is None:
                rankings.drop(number)
        if lines is not None and site.ready is not None:
            lines.put(number, self._standing(site))

    def _standing(self, site: WorkerSite[W]) -> RankStanding:
        """Who has nothing to do is first, and of those who has the least there."""
        speed = max(-_TIERS, min(_TIERS, round(math.log2(self.paces.slowness(site.worker)))))
        memory = 0 if math.isinf(site.memory) else round(math.log2(max(1.0, site.memory)))
        due, size = (self._clock() + site.wait, 0.0) if site.claims else (0.0, float(sum(site.models.values())))
        known = (self._known.get(identity) for identity in site.models)
        parts = {part for weights in known if weights is not None for part in self._shared(weights)}
        return RankStanding((speed, memory), (due, size, site.number), (EVERYBODY, *site.models, *parts))
