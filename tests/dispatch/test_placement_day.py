"""Small simulated days: nothing is lost or idles beside what waits, and nobody waits longer than by a simpler rule."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.placement import SCENES, FewestJobs, part_of, waits
from bench.placement_day import Day, Simulation, machines_of, models_of, orders_of
from imagine.dispatch.placement import JobPlacement


class Watched(Simulation):
    """Looks around after every decision."""

    def hand_out(self):
        super().hand_out()
        waiting = list(self.queue)
        for machine in self.machines:
            able = [picture for picture in waiting if machine.holds(picture.wanted.files)]
            assert not (able and machine.ready and not machine.held), "it idles beside what it could take"
            assert all(machine.holds(picture.wanted.files) for picture in machine.held)


def placed(workers, slots, clock):
    return JobPlacement(workers, slots=slots, clock=clock)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([0.3, 0.8]), st.sampled_from([2, 32]))
def test_whatever_dies_every_picture_is_made_once_by_who_has_its_files(seed, workers, load, slots):
    day = Day(
        workers=workers, load=load, seconds=2000, models=6, clients=5, lives=500, away=100, seed=seed, slots=slots
    )
    machines, wishes = machines_of(day), models_of(day.models, seed)
    for number, machine in enumerate(machines[1:]):  # the first has all
        machine.files = frozenset(part.digest for wish in wishes[number % 3 :: 2] for part in wish.files)
    came = [picture.id for picture in orders_of(day, wishes, machines)]
    done = Watched(day, placed, machines).run()
    assert sorted(map(int, (picture.id for picture in done))) == list(map(int, came))


def test_nobody_waits_longer_than_by_the_fewest_jobs():
    day = replace(SCENES["4 of several kinds, 12 models"], seconds=20_000, lives=5000)
    fewest = Simulation(day, lambda workers, slots, clock: FewestJobs(workers, slots=slots, clock=clock))
    ours, theirs = (waits(simulation.run()) for simulation in (Simulation(day, placed), fewest))
    assert len(ours) == len(theirs) > 100
    assert part_of(ours, 0.95) <= part_of(theirs, 0.95)
    assert part_of(ours, 0.5) <= part_of(theirs, 0.5)
    assert ours[-1] < day.seconds, "nobody starves"
