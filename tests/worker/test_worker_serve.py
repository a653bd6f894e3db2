"""The worker's main loop, in this process, with a fake engine, a list for an outbox and a clock that is told."""

import logging
import os

import pytest

from imagine.words.events import Failed, Finished, Progress
from imagine.words.frames import (
    Assembler,
    Cancel,
    FrameError,
    Heartbeat,
    Load,
    Loaded,
    Ready,
    Shutdown,
    Start,
    Stats,
    Unload,
    Unloaded,
    encode,
    report_from_bytes,
)
from imagine.worker.pipes import Inbox, Outbox, read_into
from imagine.worker.pulse import Pulse
from imagine.worker.serve import serve
from tests.models import model_at
from tests.worker.fake_engine import MODEL, FakeEngine, submit


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class ListedOutbox:
    """Keeps what was sent; refuses what couldn't be."""

    def __init__(self):
        self.reports = []

    def send(self, report):
        encode(report)
        self.reports.append(report)

    def of(self, job):
        return [report for report in self.reports if getattr(report, "job", None) == job]


class ScriptedInbox(Inbox):
    """Gives `script`'s entries one turn after another, then a Shutdown as soon as the loop would wait.

    An entry that is a function is called, so that a test can look or turn the clock between two turns.
    """

    def __init__(self, *script):
        super().__init__()
        self.script = list(script)
        self.patience = []

    def take(self, patience):
        self.patience.append(patience)
        entry = self.script.pop(0) if self.script else ([] if patience == 0 else [Shutdown()])
        return iter(entry() or [] if callable(entry) else entry)


def run(*script, engine=None, clock=None):
    outbox, clock = ListedOutbox(), clock or Clock()
    inbox = ScriptedInbox(*script)
    serve(inbox, outbox, engine or FakeEngine(), Pulse(clock), clock)
    outbox.patience = inbox.patience
    return outbox


def errors_of(outbox, job):
    return [report.error for report in outbox.of(job) if isinstance(report, Failed)]


def test_it_is_ready_first_and_then_does_jobs_side_by_side():
    outbox = run([submit("1", steps=2), submit("2", steps=3)])
    assert isinstance(outbox.reports[0], Ready)
    assert [report.job for report in outbox.reports if isinstance(report, Progress)] == ["1", "2", "1", "2", "2"]
    assert all(isinstance(outbox.of(job)[-1], Finished) for job in "12")


def test_it_waits_without_end_when_there_is_nothing_to_do_and_not_at_all_when_there_is():
    assert run([submit("1", steps=2)]).patience == [None, 0, 0, None]


def test_a_job_is_cancelled_between_two_steps_and_answered_once():
    engine = FakeEngine()
    outbox = run(
        [submit("1", steps=100)], [], [], [Cancel(job="1"), Cancel(job="1"), Cancel(job="other")], engine=engine
    )
    assert errors_of(outbox, "1") == ["Cancelled"]
    assert outbox.of("1")[-1].error == "Cancelled"
    assert engine.cancelled[0] == "1"
    assert outbox.of("other") == []


def test_what_an_engine_says_after_a_cancellation_is_not_passed_on():
    class Deaf(FakeEngine):
        def cancel(self, job):
            pass

    outbox = run([submit("1", steps=3)], [], [Cancel(job="1")], engine=Deaf())
    assert outbox.of("1")[-1].error == "Cancelled"


@pytest.mark.parametrize(
    ("prompt", "error", "words"),
    [
        ("refuse", "BadRequest", "prompt must not be 'refuse'"),
        ("type error", "ImagineError", "TypeError: not our day"),
        ("out of memory", "OutOfMemory", "not enough memory"),
        ("bug", "ImagineError", "KeyError: 'nobody expected this'"),
    ],
)
def test_a_bad_job_fails_alone(prompt, error, words, caplog):
    with caplog.at_level(logging.CRITICAL):
        outbox = run([submit("bad", prompt, steps=3), submit("good", steps=4)])
    (failed,) = (report for report in outbox.of("bad") if isinstance(report, Failed))
    assert failed.error == error
    assert words in str(failed.message)
    assert failed.message.field == ("prompt" if prompt == "refuse" else None)
    assert isinstance(outbox.of("good")[-1], Finished)


def test_an_engine_that_cannot_tell_whose_fault_it_was_ends_the_worker():
    with pytest.raises(KeyError):
        run([submit("1", "bug without a culprit", steps=3)])


def test_a_lost_device_fails_the_job_and_ends_the_worker(caplog):
    outbox = ListedOutbox()
    with pytest.raises(RuntimeError, match="illegal memory access"):
        serve(ScriptedInbox([submit("1", "device lost", steps=3)]), outbox, FakeEngine(), Pulse(Clock()), Clock())
    assert outbox.of("1")[-1].error == "WorkerLost"
    assert str(outbox.of("1")[-1].message).endswith("illegal memory access was encountered")


def test_a_result_that_cannot_be_sent_fails_its_job():
    class Odd(FakeEngine):
        def _outcome(self, job, done):
            return [Finished(job=job.job, data=b"", meta={"what": object()}, timings={})]

    outbox = run([submit("1")], engine=Odd())
    assert errors_of(outbox, "1") == ["ImagineError"]
    assert "can't be sent" in str(outbox.of("1")[-1].message)


def test_models_are_loaded_let_go_and_refused():
    too_big = model_at("", "too big")
    outbox = run([Load(job="1", model=MODEL), Load(job="2", model=too_big), Unload(job="3", model="m")])
    assert [type(outbox.of(job)[-1]) for job in "123"] == [Loaded, Failed, Unloaded]
    assert outbox.of("2")[-1].error == "OutOfMemory"


def test_keep_alive_is_waited_for_exactly_and_told():
    clock = Clock()

    def later():
        clock.now = 130.0

    outbox = run([Load(job="1", model=MODEL)], later, clock=clock, engine=FakeEngine(keep_alive=100.0))
    assert outbox.patience == [None, 100.0, None]
    stats = [report for report in outbox.reports if isinstance(report, Stats)]
    assert [[model.name for model in told.models] for told in stats] == [[], ["m"], []]


def test_stats_are_told_once_a_second_of_work():
    clock = Clock()

    def later():
        clock.now += 0.4

    outbox = run([submit("1", steps=11)], *([later] * 11), clock=clock)
    assert (
        sum(isinstance(report, Stats) for report in outbox.reports) == 1 + 3 + 1
    )  # at first, after 1.2, 2.4 and 3.6 s, at the end


def test_a_second_start_is_refused():
    with pytest.raises(FrameError, match="only once"):
        run([Start()])


def test_the_pulse_tells_how_long_the_main_thread_has_been_at_it():
    clock, stage = Clock(), "idle"
    pulse = Pulse(clock)
    assert pulse.beat() == Heartbeat(stage="starting", age=0, busy=True)
    pulse.follow(lambda: stage)
    clock.now = 5
    assert pulse.beat() == Heartbeat(stage="idle", age=0, busy=False)
    stage = "denoising"
    pulse.tick(busy=True)
    assert pulse.beat().age == 0
    clock.now = 35
    assert pulse.beat() == Heartbeat(stage="denoising", age=30, busy=True)
    pulse.tick(busy=True)
    assert pulse.beat() == Heartbeat(stage="denoising", age=0, busy=True)
    clock.now, stage = 40, "decoding"
    assert pulse.beat().age == 0


def test_long_work_in_short_steps_is_never_old():
    clock, ages = Clock(), []
    pulse = Pulse(clock)

    class Slow(FakeEngine):
        def step(self):
            clock.now += 0.3
            ages.append(pulse.beat().age)
            return super().step()

    serve(ScriptedInbox([submit("1", steps=40)]), ListedOutbox(), Slow(), pulse, clock)
    assert len(ages) > 40
    assert max(ages) == pytest.approx(0.3)


def test_pipes_carry_frames_both_ways_and_the_end_of_input_ends_the_process():
    left = []
    from_gateway, to_worker = os.pipe()
    inbox = Inbox()

    def leave(status):
        left.append(status)
        inbox.put(Shutdown())

    read_into(inbox, from_gateway, leave)
    os.write(to_worker, encode(submit("1")))
    assert next(inbox.take(None)) == submit("1")
    os.close(to_worker)
    assert next(inbox.take(None)) == Shutdown()
    assert left == [0]
    os.close(from_gateway)

    from_worker, to_gateway = os.pipe()
    Outbox(to_gateway).send(Loaded(job="1", model="m"))
    (body,) = Assembler().feed(os.read(from_worker, 1000))
    assert report_from_bytes(body) == Loaded(job="1", model="m")
    os.close(to_gateway)
    os.close(from_worker)


def test_nonsense_from_the_gateway_ends_the_process(capfd):
    from_gateway, to_worker = os.pipe()
    inbox, left = Inbox(), []
    read_into(inbox, from_gateway, lambda status: (left.append(status), inbox.put(Shutdown())))
    os.write(to_worker, b"\0\0\0\2{}")
    assert next(inbox.take(120)) == Shutdown()
    assert left == [1]
    assert "lost its gateway" in capfd.readouterr().err
    os.close(to_worker)
    os.close(from_gateway)
