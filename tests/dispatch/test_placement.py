"""Where jobs go, decision by decision: workers that say what they have, and a clock that a test moves."""

import msgspec
import pytest

from imagine.dispatch.placement import JobPlacement
from imagine.dispatch.sites import WorkerSite
from imagine.dispatch.wanted import wanted_from_model, wanted_from_submit
from imagine.messages import in_english
from imagine.words.events import Failed, Finished, Loading, Progress
from imagine.words.frames import Ready, ResidentModel, Room, Stats
from imagine.words.model import Component, Model
from imagine.words.sizes import Sizes, Weight
from tests.worker.fake_engine import submit

GB = 2**30


class Desk:
    """A worker as a placement sees it."""

    broken = None
    away = False

    def __init__(self, memory=24, files=None):
        self.ready = Ready(device="desk", room=Room(memory=memory * GB))
        self.stats = Stats()
        self.files = files
        self.asked = 0

    def holds(self, parts):
        self.asked += 1
        return self.files is None or all(part.digest in self.files for part in parts)

    def has(self, *models):
        told = [
            ResidentModel(name=m.name, digest=m.digest, identity=m.identity, size=wanted_from_model(m).nbytes)
            for m in models
        ]
        self.stats = Stats(models=told)


def model(name, size=4, encoder=None, encoder_size=0):
    """A model of so many GB, and a text encoder that others may have too."""
    parts = [("denoiser", name, size), *([("text_encoder", encoder, encoder_size)] if encoder else [])]
    components = [
        Component(role=role, path=f"/{digest}", digest=digest, sizes=Sizes(denoiser=Weight(floats=gb * GB // 2)))
        for role, digest, gb in parts
    ]
    return Model(name=name, family="flux", components=tuple(components))


A, B = model("a"), model("b")


class Field:
    """A placement of desks, whose jobs take a second where nothing else is said."""

    def __init__(self, *desks):
        self.desks, self.now, self.numbers = desks, 0.0, iter(range(10**6))
        self.placement = JobPlacement(desks, slots=32, clock=lambda: self.now)
        self.jobs = {}

    def give(self, model, seconds=1.0, *, again=None):
        """Places a job of it; the desk's number, or None."""
        name = str(next(self.numbers))
        plain = submit(name)
        params = msgspec.structs.replace(plain.params, digest=model.digest)
        plain = msgspec.structs.replace(plain, model=model, params=params, environment=again)
        wanted = wanted_from_submit(plain)
        self.placement.paces.learn(None, params, 1.0, seconds, company=False)
        desk = self.placement.choose(wanted)
        if desk is None:
            return None
        self.placement.begin(name, wanted, desk)
        self.jobs[name] = desk
        return self.desks.index(desk)

    def say(self, name, event, **more):
        self.placement.hear(self.jobs[name], event(job=name, **more))

    def end(self, name, *, lost=False):
        if lost:
            self.say(name, Failed, error="WorkerLost", message=in_english("gone"))
        else:
            self.say(name, Finished, data=b"", meta={}, timings={})
        self.placement.end(name, self.jobs.pop(name))


def test_a_job_goes_where_its_model_lies_until_the_line_there_is_longer_than_a_load():
    left, right = Desk(), Desk()
    right.has(A)
    field = Field(left, right)
    places = [field.give(A, 2.0) for _ in range(12)]
    assert 3 <= places.index(0) <= 8
    assert places.count(0) >= 2


def test_a_newcomer_goes_where_nothing_is_loaded_meanwhile():
    left, right = Desk(), Desk()
    left.has(A)
    right.has(A)
    field = Field(left, right)
    assert field.give(model("large", 20)) == 0
    assert field.give(A) == 1


def test_two_models_do_not_take_each_others_place_in_turn():
    left, right = Desk(memory=5), Desk(memory=5)
    left.has(A)
    right.has(B)
    field = Field(left, right)
    for _ in range(50):
        assert (field.give(B, 3.0), field.give(A, 3.0)) == (1, 0)
        field.now += 3.0
        for name in list(field.jobs):
            field.end(name)


def test_a_large_text_encoder_that_two_models_share_is_a_reason():
    empty, sharing = Desk(), Desk()
    first, second = model("first", 6, "t5", 9), model("second", 6, "t5", 9)
    sharing.has(first)
    field = Field(empty, sharing)
    assert field.give(first) == 1
    field.end("0")
    assert field.give(second) == 1
    assert field.give(model("third", 6)) == 0


def test_what_does_not_fit_is_sent_elsewhere_unless_the_line_there_is_longer_than_the_slow_way():
    small, large = Desk(memory=8), Desk(memory=24)
    large.has(A)
    field = Field(small, large)
    places = [field.give(model("flux", 20), 60.0) for _ in range(12)]
    assert (places[:3], places.count(0) > 0) == ([1, 1, 1], True)
    alone = Field(Desk(memory=8))
    assert alone.give(model("flux", 20)) == 0


def test_the_slower_of_two_is_given_less():
    slow, fast = Desk(), Desk()
    for desk in (slow, fast):
        desk.has(A)
    field = Field(slow, fast)
    for _ in range(200):
        place = field.give(A)
        (name,) = field.jobs
        field.say(name, Progress, step=1, steps=1, spent=(4.0, 1.0)[place])
        field.end(name)
        field.placement.paces.learn(slow, wanted_from_submit(submit("x")).params, 1.0, 4.0, company=False)
        field.placement.paces.learn(fast, wanted_from_submit(submit("x")).params, 1.0, 1.0, company=False)
    assert 3.5 < field.placement.paces.slowness(slow) / field.placement.paces.slowness(fast) < 4.5
    places = [field.give(A) for _ in range(20)]
    assert 2 <= places.count(0) <= 6


def test_a_worker_that_failed_lately_has_one_job_at_a_time_until_it_does_one():
    shaky, steady = Desk(), Desk()
    field = Field(shaky, steady)
    assert field.give(A) == 0
    field.end("0", lost=True)
    steady.has(A)
    shaky.has(A)
    assert sorted(field.give(A) for _ in range(6)) == [0, 1, 1, 1, 1, 1]
    field.end(next(name for name, desk in field.jobs.items() if desk is shaky))
    assert 0 in {field.give(A) for _ in range(3)}


def test_a_replay_goes_where_the_same_bits_are_made():
    busy, other = Desk(), Desk()
    other.has(A)
    busy.ready = msgspec.structs.replace(busy.ready, environment={"device": "cpu", "threads": 4})
    other.ready = msgspec.structs.replace(other.ready, environment={"device": "cpu", "threads": 2})
    field = Field(busy, other)
    assert field.give(A, 9.0) == 1
    assert {field.give(A, 9.0, again={"device": "cpu", "threads": "4"}) for _ in range(3)} == {0}


def test_only_who_has_the_files_is_asked_and_loads_are_followed():
    left, right = Desk(files={"b"}), Desk(files={"a", "b"})
    field = Field(left, right)
    assert [field.give(A, 5.0) for _ in range(5)] == [1] * 5
    before = field.placement.wait(right)
    field.say("0", Loading, model="a", fraction=0.5)
    half = field.placement.wait(right)
    field.say("0", Progress, step=0, steps=2)
    assert before > half > field.placement.wait(right)
    right.ready = None
    field.placement.notice(right)
    assert field.give(A) is None
    assert field.placement.holders(wanted_from_model(A)) == (False, [right], [])
    assert field.placement.holders(wanted_from_model(model("nowhere"))) == (False, [], [])


def test_a_worker_that_went_amid_a_round_is_looked_at_no_more():
    desks = [Desk() for _ in range(12)]
    field, gone = Field(*desks), desks[10]
    field.give(A)  # which looks at the first eight
    field.placement.remove(gone)
    gone.has(A)
    assert 10 not in {field.give(A) for _ in range(12)}


def test_jobs_that_are_never_batched_are_no_company():
    desk = Desk()
    field, params = Field(desk), msgspec.structs.replace(submit("x").params, digest="a", reproducible=True)
    for name in ("1", "2"):
        job = msgspec.structs.replace(submit(name), model=A, params=params)
        field.placement.begin(name, wanted_from_submit(job), desk)
    field.placement.hear(desk, Progress(job="1", step=1, steps=1, spent=9.0))
    assert field.placement.paces.seconds(params, company=False) == pytest.approx(9.0)


def test_no_more_than_all_of_a_job_is_done_whatever_is_said():
    desk = Desk()
    field = Field(desk)
    field.give(A)
    for step in (10**9, -(10**9)):
        field.say("0", Progress, step=step, steps=1)
        assert 0.0 <= field.placement.wait(desk) <= 10.0


def test_models_that_are_gone_are_forgotten():
    desk = Desk()
    field = Field(desk)
    for number in range(600):
        desk.has(model(f"model {number}"))
        assert field.give(model(f"model {number}")) == 0
        field.end(str(number))
    kept = field.placement._copies, field.placement._sharing, field.placement._demand._counts
    assert all(len(counts) <= 512 for counts in kept)


def test_a_decision_among_a_thousand_workers_weighs_few_of_them(monkeypatch):
    models, weighed = [model(f"m{number}", 4, "t5", 8) for number in range(50)], []
    desks = [Desk() for _ in range(1000)]
    for number, desk in enumerate(desks):
        desk.has(models[number % 50])
    field = Field(*desks)
    lacking = WorkerSite.lacking
    monkeypatch.setattr(WorkerSite, "lacking", lambda site, wanted: weighed.append(site) or lacking(site, wanted))
    for number in range(500):
        asked = sum(desk.asked for desk in desks)
        weighed.clear()
        assert field.give(models[number % 7], 5.0) is not None
        assert len(weighed) <= 60
        assert sum(desk.asked for desk in desks) - asked <= 60
