"""Many jobs at once: they join and leave at every step, share fairly, fail apart, and can be made again bit for bit."""

import hashlib
import io
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load

from imagine.engine.families.open import open_model
from imagine.engine.jobs.ledger import Ledger
from imagine.engine.parts.slices import whole
from imagine.engine.pictures import Pictures
from imagine.pictures import images
from imagine.pictures.metadata import read_metadata
from imagine.words.errors import BadPicture, ImagineError
from imagine.words.events import Finished, Loading, Preview, Progress
from imagine.words.frames import Load, WorkerSettings
from imagine.words.recipe import Hires
from tests.engine.plain_family import PlainFamily, Shelf, Timed, plain_model
from tests.engine.running import (
    SETTINGS,
    Clock,
    Engine,
    Inline,
    engine_of,
    finished,
    made,
    picture,
    previews,
    progress,
    run,
    wish,
)

PLAIN = plain_model()
SAMPLERS = ("dpm++ 2m", "euler", "euler a", "ddim", "unipc", "dpm++ 2m sde", "heun", "lms", "dpm++ sde", "tcd")


def plain_engine(settings=SETTINGS, family=None, **options):
    shelf = Shelf(tiny=family or PlainFamily())
    return engine_of(settings, open_model=shelf, measure=lambda _source: 0, **options)


def digest(report):
    return hashlib.sha256(report.data).hexdigest()


def mixed(model, count, seed=0):
    """Requests of all sorts, every fourth reproducible."""
    rng = random.Random(seed)
    photo = Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (8, 8, 40, 40))
    inputs = ({}, {}, {"img": photo, "strength": 0.6}, {"img": photo, "mask": mask, "strength": 0.8})
    return [
        wish(
            model, str(i), prompt=rng.choice(("a fox", "a house by the sea", "a star")), num_steps=rng.randint(9, 11),
            guidance=rng.choice((1.0, 3.0, 7.0)), sampler=rng.choice(SAMPLERS), seed=rng.getrandbits(64),
            reproducible=i % 4 == 0, hires=Hires(scale=1.5) if i % 9 == 5 else None, **rng.choice(inputs),
        )
        for i in range(count)
    ]  # fmt: skip


def replay_of(one, result):
    return msgspec.structs.replace(one, params=msgspec.structs.replace(one.params, buckets=result.meta["buckets"]))


# Made again


def crowd(model, count):
    """Wishes, and their results when they came one by one while others were under way."""
    wishes, engine, said = mixed(model, count), engine_of(), []
    for one in wishes:
        engine.submit(one)
        said += engine.step()
        said += engine.step()
    return wishes, finished(said + run(engine))


def check_made_again(model, count):
    wishes, results = crowd(model, count)
    assert set(results) == {one.job for one in wishes}
    buckets = {run.split("x")[0] for result in results.values() for run in result.meta["buckets"].split(",")}
    assert len(buckets) >= 2, "it was a crowd"
    engine = engine_of()
    for one in wishes:
        first = results[one.job]
        assert digest(made(engine, replay_of(one, first))) == digest(first), one
        if one.params.reproducible:
            assert {run.split("x")[0].split("/")[0] for run in first.meta["buckets"].split(",")} == {"1"}
            assert digest(made(engine, one)) == digest(first)


def test_a_small_crowd_is_made_again_bit_for_bit(sd1):
    check_made_again(sd1, 6)


@pytest.mark.slow
def test_a_crowd_of_sixteen_is_made_again_bit_for_bit(sd1):
    check_made_again(sd1, 16)


def test_a_picture_of_a_crowd_carries_what_makes_it_again(sd1):
    wishes, results = crowd(sd1, 4)
    for one in wishes:
        meta = read_metadata(results[one.job].data).meta
        assert meta["buckets"] == results[one.job].meta["buckets"]
        assert meta["environment"]["dtype"] == "float32"


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("bucket", [2, 4, 8])
def test_neither_slot_nor_neighbours_change_a_bit(sd1, bucket, guidance):
    engine = plain_engine()
    family = open_model(sd1, engine._device, lambda _fraction: None, {})
    makers = engine._makers
    asked = [wish(sd1, str(i), prompt=f"a {i}", seed=i, guidance=guidance) for i in range(bucket)]
    jobs = [makers.begin(Ledger(one, i), [family]) for i, one in enumerate(asked)]
    for job in jobs:
        whole(job.prepare())

    def answer(*members):
        negative, positives = makers.forward.run([jobs[i] for i in members], bucket)[members.index(0)]
        return torch.cat([*positives] if negative is None else [negative, *positives])

    alone = answer(0)
    for members in ([0, 1], [1, 0], list(range(bucket)), list(reversed(range(bucket)))):
        assert torch.equal(answer(*members), alone), members


def test_a_replay_takes_its_buckets_whatever_the_crowd():
    family = PlainFamily()
    wishes = [wish(PLAIN, "again", buckets="4x2,1x1,2x1", num_steps=4, guidance=1.0)]
    wishes += [wish(PLAIN, str(i), num_steps=4, guidance=1.0, reproducible=True) for i in range(3)]
    results = finished(run(plain_engine(family=family), *wishes))
    assert results["again"].meta["buckets"] == "4x2,1x1,2x1"
    assert sorted(family.rows) == sorted([4, 4, 1, 2] + [1] * 12)


def test_a_replay_that_is_too_short_goes_on_alone():
    assert made(plain_engine(), wish(PLAIN, buckets="2x1", num_steps=3)).meta["buckets"] == "2x1,1x2"


def test_buckets_that_are_none_are_refused_at_once():
    engine = plain_engine()
    with pytest.raises(ImagineError) as refused:
        engine.submit(wish(PLAIN, buckets="3x2"))
    assert refused.value.field == "buckets"
    assert not engine.busy


# Joining, leaving and taking turns


def test_jobs_join_and_leave_a_running_batch():
    family = PlainFamily()
    engine = plain_engine(family=family)
    run(engine, *[wish(PLAIN, str(i), num_steps=30, guidance=1.0) for i in range(4)])  # it measures its buckets
    family.rows.clear()
    engine.submit(wish(PLAIN, "long", num_steps=12, guidance=1.0))
    said = []
    while not any(isinstance(report, Progress) and report.step == 4 for report in said):
        said += engine.step()
    joined = len(family.rows)
    engine.submit(wish(PLAIN, "short", num_steps=2, guidance=1.0))
    said += run(engine)
    assert set(finished(said)) == {"long", "short"}
    assert [report.job for report in said if isinstance(report, Finished)] == ["short", "long"]
    assert len(family.rows) - joined <= 12 - 4 + 2


def test_rows_of_other_guidance_and_samplers_share_a_batch():
    family = PlainFamily()
    wishes = [
        wish(PLAIN, str(i), num_steps=8, guidance=2.0 + i, sampler=sampler, prompt=sampler)
        for i, sampler in enumerate(("euler", "dpm++ 2m", "ddim", "euler a"))
    ]
    results = finished(run(plain_engine(family=family, clock=Clock()), *wishes))
    assert max(family.rows) > 2, "guidance takes two rows for each"
    alone = [made(plain_engine(), one) for one in wishes]
    for one, other in zip(wishes, alone, strict=True):
        crowded = np.asarray(picture(results[one.job])).astype(int)
        assert np.abs(crowded - np.asarray(picture(other))).max() <= 1


@pytest.mark.parametrize("other", [{"guidance": 1.0}, {"reproducible": True}])
def test_what_can_not_share_a_batch_takes_turns(other):
    clock = Clock()
    engine = plain_engine(family=Timed(clock), clock=clock)
    said = run(engine, wish(PLAIN, "a", num_steps=6), wish(PLAIN, "b", num_steps=6, **other))
    steps = [report.job for report in said if isinstance(report, Progress) and report.step]
    assert steps == ["a", "b"] * 6


def test_a_long_job_does_not_starve_a_short_one():
    clock = Clock()
    engine = plain_engine(family=Timed(clock), clock=clock)
    engine.submit(wish(PLAIN, "long", num_steps=150))
    said = []
    while not any(isinstance(report, Progress) and report.step == 10 for report in said):
        said += engine.step()
    engine.submit(wish(PLAIN, "short", num_steps=2, width=128))
    said = run(engine)
    before = said[: next(i for i, report in enumerate(said) if isinstance(report, Finished) and report.job == "short")]
    assert len([report for report in before if report.job == "long"]) <= 4


@pytest.mark.parametrize("crowd", [1, 5])
def test_a_newcomer_is_shown_within_three_batches(crowd):
    engine = plain_engine(WorkerSettings(device="cpu", full_prec=True, max_batch=1))
    for i in range(crowd):
        engine.submit(wish(PLAIN, f"old {i}", num_steps=50, width=64 + 8 * i))
    for _ in range(40):
        engine.step()
    engine.submit(wish(PLAIN, "new", num_steps=9, every=1, width=256))
    batches = engine.stats().steps
    while not previews(engine.step(), "new"):
        assert engine.stats().steps - batches <= 3
    assert engine.stats().steps - batches <= 3


def test_many_equal_jobs_progress_alike():
    clock = Clock()
    engine = plain_engine(WorkerSettings(device="cpu", full_prec=True, max_batch=2), Timed(clock), clock=clock)
    said, least = [], []
    for i in range(5):
        engine.submit(wish(PLAIN, str(i), num_steps=20))
    while engine.busy:
        said += engine.step()
        done = [max((step for step, _ in progress(said, str(i))), default=0) for i in range(5)]
        least.append(max(done) - min(done))
    assert max(least) <= 2


# Progress, previews, loading


def test_the_way_of_a_picture_is_told():
    said = run(plain_engine(), wish(PLAIN, num_steps=3))
    kinds = [type(report) for report in said]
    assert kinds[0] is Loading
    assert said[0].fraction == 0
    assert [k for k in kinds if k is not Loading] == [Progress] * 4 + [Finished]
    assert progress(said) == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_time_that_remains_shrinks():
    engine = plain_engine()
    run(engine, wish(PLAIN, num_steps=5))
    told = [report.remaining for report in run(engine, wish(PLAIN, num_steps=5)) if isinstance(report, Progress)]
    assert told[0] > 0
    assert told[-1] == 0


@pytest.mark.parametrize(("every", "steps"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (5, [5]), (6, []), (0, [])])
@pytest.mark.parametrize("sampler", ["euler", "dpm++ sde"])
def test_previews_come_every_so_many_of_the_users_steps(every, steps, sampler):
    said = run(plain_engine(), wish(PLAIN, num_steps=6, every=every, sampler=sampler))
    assert [report.step for report in previews(said)] == steps
    assert {report.steps for report in previews(said)} <= {6}


@pytest.mark.parametrize("kind", ["linear", "vae"])
@pytest.mark.parametrize(
    "changes", [{"width": 61, "height": 50}, {"width": 256, "fit": "scale"}, {"hires": Hires(scale=1.5)}]
)
def test_previews_have_the_requested_size(kind, changes):
    shown = previews(run(plain_engine(), wish(PLAIN, num_steps=4, every=1, kind=kind, **changes)))
    size = (changes.get("width", 64), changes.get("height", 64))
    assert len(shown) == (5 if "hires" in changes else 3)
    assert {Image.open(io.BytesIO(report.data)).size for report in shown} == {size}
    assert {report.media_type for report in shown} == {"image/png"}


def test_latents_are_shown_as_they_are():
    shown = previews(run(plain_engine(), wish(PLAIN, num_steps=3, every=1, kind="latents", width=96)))
    assert {report.media_type for report in shown} == {"application/vnd.safetensors"}
    for report in shown:
        latents = load(report.data)["latents"]
        assert latents.dtype == torch.float16
        assert latents.shape == (4, 8, 12)


@pytest.mark.parametrize("kind", ["linear", "vae"])
def test_previews_show_the_clean_picture_not_the_noise(kind):
    """The last but one step's is near the result; the noisy latents are not."""
    engine = plain_engine()
    said = run(engine, wish(PLAIN, num_steps=30, every=29, kind=kind, sampler="ddim"))
    pictures = (Image.open(io.BytesIO(previews(said)[0].data)), picture(finished(said)["a"]))
    shown, result = (np.asarray(each.resize((8, 8), Image.Resampling.NEAREST)).ravel() for each in pictures)
    assert np.corrcoef(shown, result)[0, 1] > 0.95


def test_a_preview_keeps_what_the_mask_keeps():
    photo, mask = Image.new("RGB", (64, 64), (200, 30, 30)), Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    for kind in ("linear", "vae"):
        said = run(plain_engine(), wish(PLAIN, img=photo, mask=mask, strength=1.0, num_steps=3, every=1, kind=kind))
        for report in previews(said):
            shown = np.asarray(Image.open(io.BytesIO(report.data))).astype(int)
            assert np.abs(shown[:, 48:] - [200, 30, 30]).max() <= 3


def test_a_preview_that_fails_harms_no_picture(caplog):
    family = PlainFamily()
    family.fails["decode"] = [RuntimeError("the preview broke"), torch.OutOfMemoryError("CUDA out of memory")]
    said = run(plain_engine(family=family), wish(PLAIN, num_steps=4, every=1, kind="vae"))
    assert [report.step for report in previews(said)] == [3]
    assert "a" in finished(said)
    assert "the preview broke" in caplog.text


class Held(ThreadPoolExecutor):
    """Does nothing until it is let go."""

    def __init__(self):
        super().__init__(1)
        self.held = []

    def submit(self, work, *arguments):
        from concurrent.futures import Future

        future = Future()
        self.held.append((future, work, arguments))
        return future

    def let_go(self):
        for future, work, arguments in self.held:
            if future.set_running_or_notify_cancel():
                future.set_result(work(*arguments))
        self.held.clear()


def held_engine():
    previewing, finishing = Held(), Held()
    threads = iter((previewing, finishing, Inline(), Inline()))
    engine = Engine(SETTINGS, open_model=Shelf(), measure=lambda _source: 0, pictures=Pictures(lambda: next(threads)))
    return engine, previewing, finishing


def test_slow_previews_hold_up_no_step_and_old_ones_are_left_out():
    engine, previewing, finishing = held_engine()
    engine.submit(wish(PLAIN, num_steps=9, every=1))
    said = []
    while max(progress(said), default=(0, 0))[0] < 7:
        said += engine.step()
    previewing.let_go()
    said += engine.step()
    assert [report.step for report in previews(said)] == [7]
    while not finishing.held:
        said += engine.step()
    finishing.let_go()
    said += engine.step()
    previewing.let_go()
    assert isinstance(said[-1], Finished)
    assert not engine.busy
    assert [report.step for report in previews(said)] == [7], "none comes behind the picture"


def test_pictures_are_made_by_real_threads_too():
    engine = Engine(SETTINGS, open_model=Shelf(), measure=lambda _source: 0)
    said = run(engine, *[wish(PLAIN, str(i), num_steps=3, every=1) for i in range(3)])
    assert set(finished(said)) == {"0", "1", "2"}
    for i in range(3):
        mine = [type(report) for report in said if report.job == str(i)]
        assert Preview not in mine[mine.index(Finished) :]


# Cancelling


def leaves_nothing(engine):
    """No job, user or picture is left, so that the model may go."""
    assert not engine.busy
    assert engine.step() == []
    assert not engine._models.residency.in_use
    assert engine.stats().jobs == 0
    engine._models.residency.expire(float("inf"))
    return True


SHORT_LIVED = WorkerSettings(device="cpu", full_prec=True, keep_alive=1)


@pytest.mark.parametrize("steps", range(12))
def test_a_job_can_be_cancelled_at_any_moment(steps):
    engine = plain_engine(SHORT_LIVED)
    hires = Hires(scale=2.0)
    engine.submit(wish(PLAIN, "gone", num_steps=3, every=1, hires=hires))
    engine.submit(wish(PLAIN, "stays", num_steps=3, every=1, hires=hires))
    said = [report for _ in range(steps) for report in engine.step()]
    engine.cancel("gone")
    after = run(engine)
    assert "gone" not in {report.job for report in after}
    assert "stays" in finished(said + after)
    assert leaves_nothing(engine)
    assert engine.expire(engine._clock() + 10) is None
    assert engine.stats().models == []


def test_a_job_can_be_cancelled_while_its_file_is_written():
    engine, _, finishing = held_engine()
    engine.submit(wish(PLAIN, "gone"))
    while not finishing.held:
        engine.step()
    engine.cancel("gone")
    assert leaves_nothing(engine)
    finishing.let_go()
    assert engine.step() == []


def test_a_model_that_nobody_wants_any_more_is_not_opened_further():
    fractions, begun, cancelled = [], Event(), Event()

    def open_slowly(model, device, progress, held):
        for i in range(10_000):
            progress(i / 10_000)
            fractions.append(i)
            if i == 5:
                begun.set()
                cancelled.wait()
        return PlainFamily()

    engine = engine_of(open_model=open_slowly, measure=lambda _source: 0)
    engine.submit(wish(PLAIN, "gone"))
    engine.step()
    engine.step()
    begun.wait()
    engine.cancel("gone")
    cancelled.set()
    run(engine)
    assert leaves_nothing(engine)
    next_one = engine_of(open_model=Shelf(), measure=lambda _source: 0)
    assert made(next_one, wish(PLAIN))  # the thread is free again
    assert len(fractions) <= 7
    assert engine.stats().models == []


def test_cancelling_what_is_not_there_does_nothing():
    engine = plain_engine()
    engine.cancel("nobody")
    assert leaves_nothing(engine)


# Failing


def fail(engine):
    """Steps until something is raised: the error, and whom it hit."""
    said = []
    while engine.busy:
        try:
            said += engine.step()
        except Exception as error:  # noqa: BLE001 - as the worker does
            return error, engine.drop_step(), said
    pytest.fail("nothing went wrong")


BOOM = RuntimeError("boom")


@pytest.mark.parametrize("method", ["encode", "encode_picture", "decode"])
def test_a_failure_hits_the_job_that_was_worked_on(method):
    clock = Clock()
    family = Timed(clock)
    engine = plain_engine(SHORT_LIVED, family, clock=clock)
    family.fails[method] = [BOOM]
    source = Image.new("RGB", (64, 64))
    for name in ("first", "second"):
        engine.submit(wish(PLAIN, name, img=source, strength=0.7))
    error, hit, said = fail(engine)
    assert error is BOOM
    assert hit == ["first"]
    assert set(finished(said + run(engine))) == {"second"}
    assert leaves_nothing(engine)


def test_a_failure_of_the_denoiser_hits_the_batch():
    family = PlainFamily()
    engine = plain_engine(family=family)
    run(engine, *[wish(PLAIN, f"warm {i}", num_steps=20) for i in range(2)])
    for name in ("a", "b"):
        engine.submit(wish(PLAIN, name, num_steps=9))
    engine.submit(wish(PLAIN, "other", num_steps=9, width=128))
    engine._batching.record(next(iter(engine._batching._seconds)), 2, 1e-9)
    said = []
    while max(progress(said), default=(0, 0))[0] < 3:
        said += engine.step()
    family.fails["denoise"] = [BOOM]
    error, hit, more = fail(engine)
    assert error is BOOM
    assert hit
    assert set(hit) in ({"a", "b"}, {"a"}, {"b"}, {"other"})
    assert set(finished(said + more + run(engine))) == {"a", "b", "other"} - set(hit)
    assert leaves_nothing(engine)


def test_a_failure_in_one_sampler_harms_no_neighbour():
    engine = plain_engine()
    for i in range(4):
        engine.submit(wish(PLAIN, str(i), num_steps=12))
    said = []
    while max(progress(said, "2"), default=(0, 0))[0] < 6:
        said += engine.step()
    engine._jobs["2"].current.sampler.step = None
    error, hit, more = fail(engine)
    assert isinstance(error, TypeError)
    assert hit == ["2"]
    results = finished(said + more + run(engine))
    assert set(results) == {"0", "1", "3"}
    for name in results:
        assert [step for step, _ in progress(said + more, name)] == sorted({s for s, _ in progress(said + more, name)})
    alone = made(plain_engine(), wish(PLAIN, "0", num_steps=12))
    assert np.abs(np.asarray(picture(results["0"])).astype(int) - np.asarray(picture(alone))).max() <= 1


def test_a_file_that_can_not_be_written_fails_its_own_job(monkeypatch):
    encode = images.encode

    def refusing(image, media_type, *, meta=None):
        if meta and meta["prompt"] == "bad":
            raise BOOM
        return encode(image, media_type, meta=meta)

    monkeypatch.setattr(images, "encode", refusing)
    engine = plain_engine()
    engine.submit(wish(PLAIN, "bad", prompt="bad"))
    engine.submit(wish(PLAIN, "good"))
    error, hit, said = fail(engine)
    assert error is BOOM
    assert hit == ["bad"]
    assert set(finished(said + run(engine))) == {"good"}
    assert leaves_nothing(engine)


def test_what_is_ready_is_said_before_another_can_fail():
    engine, _, finishing = held_engine()
    engine.submit(wish(PLAIN, "ready"))
    while not finishing.held:
        engine.step()
    finishing.let_go()
    broken = wish(PLAIN, "broken", img=Image.new("RGB", (64, 64)))
    engine.submit(msgspec.structs.replace(broken, img=b"no picture"))
    error, hit, said = fail(engine)
    assert isinstance(error, BadPicture)
    assert hit == ["broken"]
    assert set(finished(said)) == {"ready"}, "before the next turn"
    assert leaves_nothing(engine)


def test_a_model_that_can_not_be_opened_fails_those_who_want_it():
    shelf = Shelf()
    shelf.fails = [BOOM]
    engine = engine_of(open_model=shelf, measure=lambda _source: 0)
    engine.submit(wish(PLAIN, "a"))
    engine.submit(wish(PLAIN, "b"))
    engine.submit(wish(plain_model("other"), "c"))
    engine.load(Load(job="load", model=PLAIN))
    error, hit, said = fail(engine)
    assert error is BOOM
    assert sorted(hit) == ["a", "b", "load"]
    assert set(finished(said + run(engine))) == {"c"}
    assert leaves_nothing(engine)
    assert "a" in finished(run(engine, wish(PLAIN, "a"))), "it is tried anew for who asks again"


# Freed memory


def test_freed_memory_is_given_back_once_nothing_was_done_for_a_while(monkeypatch):
    now, given_back = [100.0], []
    engine = plain_engine(WorkerSettings(device="cpu", keep_alive=-1), clock=lambda: now[0])
    monkeypatch.setattr(engine._device, "keeps_freed_memory", True)
    monkeypatch.setattr(engine._device, "release", lambda: given_back.append(now[0]))
    assert engine.expire(now[0]) is None
    run_of_one = made(engine, wish(PLAIN, "first"))
    assert run_of_one.job == "first"
    rest = engine.expire(now[0])
    assert rest > now[0], "the next job may come at once"
    assert not given_back

    now[0] = rest
    engine.submit(wish(PLAIN, "second"))
    engine.expire(now[0])
    assert not given_back, "there is work"
    run(engine)
    rest = engine.expire(now[0])
    assert rest > now[0]

    now[0] = rest
    assert engine.expire(now[0]) is None
    assert given_back == [rest]


# Bounds


def test_its_stage_is_idle_between_steps():
    engine = plain_engine()
    stages = set()
    for method in ("encode", "denoise", "decode"):
        original = getattr(PlainFamily, method)

        def spy(self, *given, original=original, **options):
            stages.add(engine.stage)
            return original(self, *given, **options)

        setattr(engine._models._open.families["tiny"], method, spy.__get__(engine._models._open.families["tiny"]))
    run(engine, wish(PLAIN))
    assert stages == {"encoding", "denoising", "decoding"}
    assert engine.stage == "idle"


def test_inline_is_an_executor():
    assert Inline().submit(lambda: 3).result() == 3
