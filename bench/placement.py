"""How long pictures wait under the pool's placement policy, and under simpler ones, in a simulated day.

    python -m bench.placement [--only SCENE] [--seed 1]

Each line is one policy in one scene (`placement_day.py`): the same orders, machines and deaths. `wait` is from an
order's coming to its first step, in seconds; `loads` are seconds of loading in each hour of a worker; `moved` are
pictures that were lost with a worker and made again; `decision` is the processor's time for one choice. `random` and
`fewest jobs` choose among all that have a place; `affinity` is where the model is or is coming, then the fewest jobs.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.placement_day import KINDS, Day, Machine, MachineKind, Picture, Simulation
from imagine.dispatch.placement import JobPlacement
from imagine.dispatch.wanted import JobNeeds


class Simple(JobPlacement[Machine]):
    """A policy of one line, which is asked of each worker that has a place."""

    def __init__(self, workers: Sequence[Machine], *, slots: int, clock: Callable[[], float]) -> None:
        super().__init__(workers, slots=slots, clock=clock)
        self._most = slots
        self.chance = random.Random(1)

    def choose(
        self, wanted: JobNeeds, *, newcomer: bool = False, may: Callable[[Machine], bool] = lambda _: True
    ) -> Machine | None:
        """The first in order of `order`."""
        most = self._most * (1 + newcomer)
        able = [
            each
            for each in self.workers
            if each.ready and len(each.held) < most and each.holds(wanted.files) and may(each)
        ]
        return min(able, key=lambda machine: self.order(machine, wanted), default=None)

    def order(self, machine: Machine, wanted: JobNeeds) -> tuple[float, ...]:
        """Less is better."""
        raise NotImplementedError


class Anywhere(Simple):
    """By chance."""

    def order(self, machine: Machine, wanted: JobNeeds) -> tuple[float, ...]:  # noqa: ARG002 - whoever and whatever
        """A number drawn."""
        return (self.chance.random(),)


class FewestJobs(Simple):
    """To the worker that holds the fewest, among equals by chance."""

    def order(self, machine: Machine, wanted: JobNeeds) -> tuple[float, ...]:  # noqa: ARG002 - whatever is wanted
        """How many it holds."""
        return len(machine.held), self.chance.random()


class Affinity(Simple):
    """To where the model is or is coming, of those to the worker that holds the fewest."""

    def order(self, machine: Machine, wanted: JobNeeds) -> tuple[float, ...]:
        """Whether it has none of it, how many it holds, and how many models it has."""
        has = wanted.weights[0].identity in machine.resident or any(p.wanted.kin == wanted.kin for p in machine.held)
        return not has, len(machine.held), len(machine.resident)


POLICIES: dict[str, type[JobPlacement[Machine]]] = {
    "ours": JobPlacement, "affinity": Affinity, "fewest jobs": FewestJobs, "random": Anywhere,
}  # fmt: skip
_CARD = MachineKind(1.0, 24, 1.5, 1)
SCENES = {
    "2 cards of 24 GB, 8 models": Day(workers=2, load=0.3, models=8, clients=10, kinds=(_CARD,)),
    "a laptop's card and a server's, 8 models": Day(
        workers=2, load=0.3, models=8, clients=10, kinds=(KINDS[0], KINDS[4])
    ),
    "4 of several kinds, 12 models": Day(workers=4, load=0.3, models=12, clients=20, kinds=tuple(KINDS[1:5])),
    "8 cards of 24 GB, 20 models": Day(workers=8, load=0.3, models=20, clients=40, kinds=(_CARD,)),
    "8 cards of 24 GB, 20 models, busier": Day(workers=8, load=0.5, models=20, clients=40, kinds=(_CARD,)),
    "1,000 of all kinds, 50 models": Day(workers=1000, load=0.4, seconds=1800.0, clients=2000),
    "1,000 of all kinds, 50 models, busier": Day(workers=1000, load=0.6, seconds=1800.0, clients=2000),
}


def waits(pictures: Sequence[Picture]) -> list[float]:
    """Seconds to each picture's first step, in order."""
    return sorted(picture.begun - picture.came for picture in pictures)


def part_of(ordered: Sequence[float], part: float) -> float:
    """That of which this part of all is no larger."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def line(name: str, day: Day) -> str:
    """A row of the table."""
    simulation = Simulation(day, lambda workers, slots, clock: POLICIES[name](workers, slots=slots, clock=clock))
    spent: list[float] = []
    decide = simulation.decide

    def timed(picture: Picture) -> Machine | None:
        begun = time.thread_time()
        try:
            return decide(picture)
        finally:
            spent.append(time.thread_time() - begun)

    simulation.decide = timed
    done = simulation.run()
    ordered, spent = waits(done), sorted(spent)
    figures = [f"{part_of(ordered, part):.1f}" for part in (0.5, 0.95, 0.99)]
    loads = simulation.loading / day.workers / day.seconds * 3600
    lost = sum(picture.lost for picture in done)
    costs = " / ".join(f"{1e3 * part_of(spent, part):.2f}" for part in (0.5, 0.99))
    return f"| {name} | {len(done)} | {' | '.join(figures)} | {loads:.0f} | {lost} | {costs} |"


def main() -> None:
    """Every policy in every scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="scenes whose names have this in them")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for scene, day in SCENES.items():
        if options.only in scene:
            print(f"\n**{scene}**, load {day.load}, {day.seconds / 3600:g} h\n", flush=True)
            print("| policy | pictures | wait p50 | p95 | p99 | loads | moved | decision p50 / p99, ms |")
            print("|---|---|---|---|---|---|---|---|")
            for name in POLICIES:
                day_of_seed = replace(day, seed=options.seed)
                print(line(name, day_of_seed), flush=True)


if __name__ == "__main__":
    main()
