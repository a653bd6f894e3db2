"""Seconds of the device, shared between clients: told by a clock that the family puts forward."""

import msgspec
import pytest
from PIL import Image

from imagine.engine.batching import LONGEST
from imagine.words.events import Finished, Progress
from imagine.words.frames import WorkerSettings
from imagine.words.recipe import Hires
from tests.engine.plain_family import OUT_OF_MEMORY, Shelf, Timed, plain_model
from tests.engine.running import SETTINGS, Clock, engine_of, finished, made, run, wish

PLAIN = plain_model()
LARGE = {"width": 2048, "height": 2048}
STEP = 0.03
"""Of 64², so that 2048² takes 31 s."""
PHOTO = Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 30).convert("RGB")


class Rig:
    """An engine on a told clock; `at` holds when each job's first step and its picture were told."""

    def __init__(self, settings=SETTINGS, **costs):
        self.clock = Clock()
        self.family = Timed(self.clock, **({"step": STEP} | costs))
        self.engine = engine_of(settings, open_model=Shelf(tiny=self.family), measure=lambda _: 0, clock=self.clock)
        self.first, self.done, self.spent = {}, {}, {}

    def submit(self, job, client, **changes):
        self.engine.submit(wish(PLAIN, job, client=client, **({"guidance": 1.0} | changes)))
        return self.clock.now

    def step(self):
        said = self.engine.step()
        for report in said:
            if isinstance(report, Progress | Finished):
                self.spent[report.job] = report.spent
            if isinstance(report, Progress) and report.step:
                self.first.setdefault(report.job, self.clock.now)
            if isinstance(report, Finished):
                self.done[report.job] = self.clock.now
        return said

    def until(self, true, most=20_000):
        while not true():
            self.step()
            most -= 1
            assert most, "it never came true"

    def measured(self, **changes):
        """Have the engine know what a step of such a picture takes."""
        self.submit("warm", "warm", num_steps=4, **changes)
        self.until(lambda: "warm" in self.done)


@pytest.mark.parametrize("client", ["a flood", "another"])
def test_a_small_picture_passes_a_large_one(client):
    rig = Rig()
    rig.submit("large", "a flood", num_steps=9, **LARGE)
    rig.until(lambda: "large" in rig.first)
    came = rig.submit("small", client, num_steps=20)
    rig.until(lambda: "small" in rig.first)
    assert rig.first["small"] - came <= 2 * STEP
    rig.until(lambda: "small" in rig.done)
    assert rig.done["small"] - came <= 20 * STEP + 1e-6, "it may have as many seconds as the step before it took"


def test_a_newcomer_passes_a_flood_of_every_kind():
    rig = Rig(part=1.0)
    sizes = [64, 128, 256, 512, 1024, 2048]
    for number in range(24):
        given = {"img": PHOTO, "strength": 0.5} if number % 3 == 0 else {}
        rig.submit(f"{number}", "a flood", num_steps=6, width=sizes[number % 6], height=sizes[number % 6], **given)
    rig.until(lambda: rig.first)
    for number in range(30):
        rig.step()
        came = rig.submit(f"new {number}", f"client {number}", num_steps=1)
        rig.until(lambda name=f"new {number}": name in rig.first)
        assert rig.first[f"new {number}"] - came <= 2 * STEP, number


def test_a_newcomer_is_not_made_to_wait_for_those_it_could_share_a_step_with():
    rig = Rig(more=0.3)
    for number in range(16):
        rig.submit(f"{number}", "a flood", num_steps=60)
    rig.until(lambda: 16 in rig.family.rows)
    for _ in range(20):
        rig.step()
    rows = len(rig.family.rows)
    came = rig.submit("new", "another", num_steps=9)
    rig.until(lambda: "new" in rig.first)
    assert rig.first["new"] - came <= 2 * STEP
    rig.until(lambda: "new" in rig.done)
    assert rig.done["new"] - came <= 2 * 9 * STEP + 1e-6, "two clients: each step takes at most as two turns would"
    assert max(rig.family.rows[rows:]) >= 4, "what costs it nothing is shared all the same"


def test_seconds_are_shared_not_turns():
    rig = Rig(WorkerSettings(device="cpu", full_prec=True, max_batch=1), part=0.2)
    rig.submit("slow", "slow", num_steps=150, width=512, height=512)
    for number in range(12):
        rig.submit(f"quick {number}", "quick", num_steps=150)
    rig.until(lambda: rig.engine.stats().steps >= 900)
    slow, quick = rig.spent["slow"], sum(spent for job, spent in rig.spent.items() if job != "slow")
    assert abs(slow - quick) <= 2 * STEP * 64
    assert min(slow, quick) > 6 * STEP * 64


def test_a_step_that_is_shared_is_paid_by_all():
    rig = Rig()
    begun = rig.clock.now
    for client in "abcd":
        rig.submit(client, client, num_steps=20)
    rig.until(lambda: len(rig.done) == 4)
    assert max(rig.family.rows) == 4
    assert sum(rig.spent.values()) == pytest.approx(rig.clock.now - begun)
    assert max(rig.spent.values()) - min(rig.spent.values()) <= 4 * STEP


@pytest.mark.parametrize("more", [0.0, 0.5, 1.0])
def test_no_batch_is_formed_whose_step_takes_long(more):
    rig = Rig(step=1.0, more=more)
    for number in range(16):
        rig.submit(f"{number}", "a", num_steps=10)
    rig.until(lambda: len(rig.done) == 16)
    assert max((1 + more * (rows - 1) for rows in rig.family.rows if rows > 1), default=0) <= LONGEST
    assert (max(rig.family.rows) == 16) == (more == 0)
    alone = Rig(step=4.0)
    alone.submit("a", "a", num_steps=3)
    alone.submit("b", "b", num_steps=3)
    alone.until(lambda: len(alone.done) == 2)
    assert set(alone.family.rows) == {1}, "a picture whose step alone takes longer is made alone"


def test_a_replay_takes_its_buckets_however_long_they_take():
    rig = Rig(step=4.0)
    rig.submit("again", "a", num_steps=3, buckets="2x1,4x2")
    rig.until(lambda: "again" in rig.done)
    assert rig.family.rows == [2, 4, 4]


TAKES_LONG = {
    "decode": LARGE,
    "encode": {"img": PHOTO.resize((2048, 2048)), "strength": 0.5, **LARGE},
    "both passes": {"hires": Hires(scale=2.0), "width": 1024, "height": 1024},
    "a middling one": {"width": 1024, "height": 1024},
}


@pytest.mark.parametrize("what", TAKES_LONG)
def test_the_parts_of_a_vae_are_turns(what):
    rig = Rig(step=1e-4, part=1e-3)
    rig.family.native = 2048
    rig.submit("large", "a", num_steps=2, **TAKES_LONG[what])
    longest, number = 0.0, 0
    while "large" not in rig.done:
        rig.step()
        if number < 60 and rig.family.in_work:
            number += 1
            came = rig.submit(f"{number}", f"client {number}", num_steps=1)
            rig.until(lambda name=f"{number}": name in rig.done)
            longest = max(longest, rig.done[f"{number}"] - came)
    assert number >= 5
    assert longest < 0.02, "a part of the large one's takes a second"


def test_one_large_picture_is_in_work_at_a_time_and_small_ones_beside_it():
    rig = Rig(step=1e-6, part=1e-3)
    for client in "abc":
        rig.submit(client, client, num_steps=1, **LARGE)
    rig.until(lambda: len(rig.done) == 3)
    assert rig.family.most_in_work == 1
    small = Rig(step=1e-6, part=1.0)
    for number in range(8):
        small.submit(f"{number}", f"{number}", num_steps=1, width=512, height=512)
    small.until(lambda: len(small.done) == 8)
    assert small.family.most_in_work == 4


def test_work_that_nobody_wants_any_more_is_let_go():
    rig = Rig(step=1e-6, part=1.0)
    rig.submit("gone", "a", num_steps=1, **LARGE)
    rig.until(lambda: rig.family.in_work)
    rig.engine.cancel("gone")
    assert not rig.family.in_work
    assert not rig.engine.busy
    rig.submit("next", "a", num_steps=1, **LARGE)
    rig.until(lambda: "next" in rig.done)


def test_memory_that_runs_short_between_two_parts_begins_the_work_again():
    rig = Rig(step=1e-6, part=1.0)
    rig.family.fails["decode"] = [OUT_OF_MEMORY]
    result = None
    rig.submit("a", "a", num_steps=1, **LARGE)
    while result is None:
        result = finished(rig.step()).get("a")
    assert [str(note) for note in result.warnings] == ["memory ran short: the VAE worked in tiles"]
    assert rig.family.calls[-3:] == ["decode", "spare", "tiled decode"]


def test_pictures_made_in_turns_have_the_bits_of_those_made_alone(sd1):
    """Three clients whose encodings and decodings pause at every layer."""
    wishes = [
        wish(sd1, f"{number}", client=f"client {number}", num_steps=2, seed=number, **changes)
        for number, changes in enumerate([{}, {"img": PHOTO, "strength": 0.6}, {"hires": Hires(scale=1.5)}])
    ]
    results = finished(run(engine_of(turn=0.0), *wishes))
    engine = engine_of()
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        assert made(engine, msgspec.structs.replace(one, params=params)).data == results[one.job].data
