"""ProcessWorker with real child processes around a fake engine: crashes, hangs, and the end of either side."""

import asyncio
import contextlib
import gc
import logging
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from imagine.dispatch.buffer import Buffer
from imagine.dispatch.child import Child
from imagine.dispatch.limits import Limits, Restarts
from imagine.dispatch.process import ProcessWorker
from imagine.messages import message
from imagine.processes.runtime import worker_command
from imagine.words.errors import OutOfMemory, WorkerLost
from imagine.words.events import Failed, Finished, Preview, Progress
from imagine.words.frames import MAX_FRAME, Heartbeat, Loaded, Ready, WorkerSettings, encode
from tests.models import model_at
from tests.worker.fake_engine import MODEL, submit

FAKE = [sys.executable, str(Path(__file__).parents[1] / "worker/fake_worker.py")]
QUICK = Restarts(first=0.01, most=0.05)
PATIENCE = 600.0
"""Seconds: for what hangs, not for what is slow."""


@contextlib.asynccontextmanager
async def running(command=FAKE, limits=None, restarts=QUICK, heartbeat=0.05, ready=True, **settings):
    settings = WorkerSettings(heartbeat=heartbeat, **settings)
    worker = ProcessWorker(settings, command=command, limits=limits, restarts=restarts)
    worker.changed = asyncio.Event()
    worker.watch(worker.changed.set)
    await worker.start()
    try:
        if ready:
            await until(worker, lambda: worker.ready is not None)
        yield worker
    finally:
        await worker.stop(0)


async def until(worker, true):
    """Waits for the worker's state to be as wished."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            worker.changed.clear()
            await worker.changed.wait()


async def read(stream, stop=lambda event: False):
    """The events up to the end, or to the first that `stop`s."""
    events = []
    async with asyncio.timeout(PATIENCE):
        async for event in stream:
            events.append(event)
            if stop(event):
                break
    return events


def lose_patience(worker, **limits):
    """From now on the process has these limits, which a busy machine couldn't have kept before."""
    worker._child._limits = Limits(**limits)
    worker._child._look()


def at_step(number):
    return lambda event: isinstance(event, Progress) and event.step >= number


def test_a_job_is_done_and_its_bytes_pass_unchanged():
    async def go():
        async with running() as worker:
            events = await read(worker.submit(submit("1", steps=3, img=bytes(range(256)) * 5000)))
            assert [event.step for event in events if isinstance(event, Progress)] == [1, 2, 3]
            assert events[-1].data == bytes(range(256)) * 5000
            assert events[-1].meta == {"prompt": "fox", "seed": 1}

    asyncio.run(go())


def test_prints_of_libraries_reach_the_log_and_never_the_frames(caplog):
    async def go():
        with caplog.at_level(logging.INFO):
            async with running() as worker:
                events = await read(worker.submit(submit("1", "chatty")))
        assert isinstance(events[-1], Finished)

    asyncio.run(go())
    for words in ("a library's print", "a driver's printf", "a program's words"):
        assert any(words in record.message for record in caplog.records if record.name == "imagine.worker"), words
    logged = [(record.name, record.levelname, record.message) for record in caplog.records]
    assert ("imagine.engine", "INFO", "our own words ?") in logged
    assert ("torch", "WARNING", "a library's warning") in logged
    assert not any("chatter" in message for _, _, message in logged)


def test_killed_in_a_job_it_fails_it_at_once_and_comes_back():
    """By its end alone: no limit has to pass first."""

    async def go():
        async with running(limits=Limits(silence=10 * PATIENCE, linger=10 * PATIENCE)) as worker:
            stream = worker.submit(submit("1", "slow", steps=10**6))
            await read(stream, at_step(3))
            first = worker.pid
            os.kill(first, signal.SIGKILL)
            last = (await read(stream))[-1]
            assert (last.error, last.job) == ("WorkerLost", "1")
            assert "SIGKILL" in str(last.message)
            await until(worker, lambda: worker.ready is not None)
            assert worker.pid != first
            assert worker.restarts == 1
            assert isinstance((await read(worker.submit(submit("2"))))[-1], Finished)

    asyncio.run(go())


def test_a_job_for_a_worker_that_is_not_there_is_lost_at_once():
    async def go():
        async with running(ready=False) as worker:
            assert [event.error for event in await read(worker.submit(submit("1")))] == ["WorkerLost"]

    asyncio.run(go())


def test_a_crash_says_how_it_ended():
    async def go():
        async with running() as worker:
            last = (await read(worker.submit(submit("1", "exit"))))[-1]
            ended = message("lost.ended_saying", status=3, line="assertion failed: x > 0")
            assert last == Failed(job="1", error="WorkerLost", message=message("worker.lost", why=ended))

    asyncio.run(go())


def test_one_whose_device_is_gone_is_given_nothing_more_before_it_is_back():
    async def go():
        async with running(restarts=Restarts(first=0.01, hopeless=1)) as worker:
            last = (await read(worker.submit(submit("1", "device lost"))))[-1]
            assert (last.error, worker.ready) == ("WorkerLost", None)
            assert worker.place == "fake", "it is called as before meanwhile"
            await until(worker, lambda: worker.ready is not None or worker.broken is not None)
            assert worker.broken is None, "it was ready once"
            assert isinstance((await read(worker.submit(submit("2"))))[-1], Finished)

    asyncio.run(go())


def test_stopped_by_a_signal_it_counts_as_hung():
    async def go():
        async with running() as worker:
            stream = worker.submit(submit("1", "slow", steps=10**6))
            await read(stream, at_step(2))
            first = psutil.Process(worker.pid)
            first.suspend()
            lose_patience(worker, silence=0.4)
            last = (await read(stream))[-1]
            assert last.error == "WorkerLost"
            assert "not a word" in str(last.message)
            assert not first.is_running()
            await until(worker, lambda: worker.ready is not None)
            assert isinstance((await read(worker.submit(submit("2"))))[-1], Finished)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("prompt", "limits", "said"),
    [
        (
            "stuck",
            {"silence": 10 * PATIENCE, "stages": {"denoising": 0.3}},
            "s in 'denoising', where 0.3 s are allowed",
        ),
        ("stuck natively", {"silence": 0.4}, "not a word"),
    ],
)
def test_a_step_without_end_counts_as_hung(prompt, limits, said):
    async def go():
        async with running() as worker:
            stream = worker.submit(submit("1", prompt))
            await read(stream, at_step(1))
            lose_patience(worker, **limits)
            last = (await read(stream))[-1]
            assert last.error == "WorkerLost"
            assert said in str(last.message)

    asyncio.run(go())


class OpenProcess(asyncio.SubprocessTransport):
    """A process that runs, or has ended without anybody's having been told; how often it was killed."""

    def __init__(self, pid=None):
        super().__init__()
        self.pid, self.kills = pid, 0

    def get_pid(self):
        return self.pid

    def get_returncode(self):
        return None

    def kill(self):
        self.kills += 1

    def close(self):
        pass


@contextlib.contextmanager
def watched(process, **limits):
    """The watch over a process that a test speaks for."""
    child = Child(Limits(**limits), lambda report: None)
    child.connection_made(process)
    yield child
    child.connection_lost(None)


def test_long_work_in_short_steps_is_no_hang_and_neither_is_idleness():
    async def go():
        with watched(process := OpenProcess(), stage=0.4, stages={}, silence=10 * PATIENCE) as child:
            child.pipe_data_received(1, encode(Ready(device="fake")))
            for _ in range(20):
                for stage, age, busy in (("denoising", 0.3, True), ("idle", 60.0, False)):
                    child.pipe_data_received(1, encode(Heartbeat(stage=stage, age=age, busy=busy)))
                child._look()
            assert process.kills == 0
            for kills in (0, 0, 0, 1):
                child._look()
                assert process.kills == kills, "four looks without a word"
            child.pipe_data_received(1, encode(Heartbeat(stage="denoising", age=0.5, busy=True)))
            assert process.kills == 2

    asyncio.run(go())


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="the system can't tell who has ended")
@pytest.mark.parametrize("state", ["runs", "has ended", "is told"])
def test_who_closes_its_output_is_killed_unless_it_has_ended(state):
    """Its end may be told later than that of its output, and says more."""

    async def go():
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            if state != "runs":
                process.stdin.close()
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            if state == "is told":
                process.wait()
            with watched(seen := OpenProcess(process.pid), linger=0) as child:
                child.pipe_connection_lost(1, None)
                await asyncio.sleep(0.01)
            assert seen.kills == (state == "runs")
            assert ("closed its output" in str(child.ended.result())) == (state == "runs")
            process.kill()

    asyncio.run(go())


@pytest.mark.parametrize("prompt", ["idle", "stuck", "stuck natively"])
def test_a_worker_dies_with_its_gateway(prompt):
    """Also in a native call, with and without the interpreter's lock."""
    gateway = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "gateway.py"), prompt], stdout=subprocess.PIPE, text=True
    )
    with gateway:
        worker = os.pidfd_open(int(gateway.stdout.readline()))
        try:
            assert not select.select([worker], [], [], 0.2)[0], "it died before its gateway"
            gateway.kill()
            assert select.select([worker], [], [], PATIENCE)[0], "it outlived its gateway"
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(worker, signal.SIGKILL)
            os.close(worker)


@pytest.mark.parametrize("leave", ["close", "cancel", "forget"])
def test_a_reader_that_leaves_takes_its_job_back(leave):
    async def go():
        async with running() as worker:
            stream = worker.submit(submit("1", "slow", steps=10**9))
            await read(stream, at_step(2))
            if leave == "close":
                await stream.aclose()
            elif leave == "cancel":
                task = asyncio.create_task(read(stream))
                await asyncio.wait([task], timeout=0.05)
                task.cancel()
                await asyncio.wait([task])
            else:
                del stream
                gc.collect()
            async with asyncio.timeout(PATIENCE):
                await worker._idle.wait()
            assert worker.pid is not None
            assert worker.restarts == 0

    asyncio.run(go())


def test_a_cancelled_job_says_so():
    async def go():
        async with running() as worker:
            stream = worker.submit(submit("1", "slow", steps=10**9))
            await read(stream, at_step(2))
            worker.cancel("1")
            worker.cancel("unknown")
            assert (await read(stream))[-1].error == "Cancelled"

    asyncio.run(go())


def test_a_worker_that_never_starts_fails_jobs_with_its_last_words_and_does_not_spin():
    broken = [sys.executable, "-c", "raise ImportError('libcuda.so: no such file')"]

    async def go():
        restarts = Restarts(first=0.02, most=30, hopeless=3)
        async with running(command=broken, restarts=restarts, ready=False) as worker:
            await until(worker, lambda: worker.broken is not None)
            assert worker.restarts == 2
            last = (await read(worker.submit(submit("1"))))[-1]
            assert last.error == "WorkerLost"
            assert str(last.message).endswith("ImportError: libcuda.so: no such file")

    asyncio.run(go())


def test_a_worker_whose_settings_cannot_be_is_broken_at_its_first_start_and_for_good():
    async def go():
        async with running(ready=False, device="cuda:99") as worker:
            await until(worker, lambda: worker.broken is not None)
            assert str(worker.broken) == "can't be started: device is 'cuda:99', which this machine does not have"
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([worker._keeper])
            assert (worker.restarts, worker.pid) == (0, None)
            assert worker.kept, "no new server helps either"
            last = (await read(worker.submit(submit("1"))))[-1]
            assert str(last.message) == f"the worker {worker.broken}"
            with pytest.raises(WorkerLost, match="which this machine does not have"):
                await worker.load(MODEL)

    asyncio.run(go())


def test_a_worker_that_fails_is_not_started_again_before_its_time():
    async def go():
        restarts = Restarts(first=1000, most=1000, hopeless=1)
        async with running(command=[sys.executable, "-c", "1/0"], restarts=restarts, ready=False) as worker:
            await until(worker, lambda: worker.broken is not None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(worker._keeper), 0.2)
            assert worker.restarts == 0

    asyncio.run(go())


def test_a_worker_that_can_be_started_after_all_is_broken_no_more(tmp_path):
    late = f"""
import os, pathlib, sys
came = pathlib.Path({str(tmp_path / "came")!r})
if came.exists():
    os.execv({FAKE[0]!r}, {FAKE!r})
came.touch()
sys.exit("no device yet")
"""

    async def go():
        restarts = Restarts(first=0.01, hopeless=1)
        async with running(command=[sys.executable, "-c", late], restarts=restarts, ready=False) as worker:
            await until(worker, lambda: worker.broken is not None)
            assert str(worker.broken) == "can't be started: it ended with status 1: no device yet"
            await until(worker, lambda: worker.ready is not None)
            assert worker.broken is None
            assert isinstance((await read(worker.submit(submit("1"))))[-1], Finished)

    asyncio.run(go())


def test_a_worker_that_cannot_be_run_at_all_is_broken():
    async def go():
        async with running(command=["/nowhere/python"], ready=False) as worker:
            await until(worker, lambda: worker.broken is not None)
            assert "can't be run" in str(worker.broken)

    asyncio.run(go())


def test_restarts_wait_longer_and_longer_up_to_a_limit():
    restarts = Restarts(first=0.5, most=30)
    assert [restarts.delay(lives) for lives in (0, 1, 2, 3, 7, 10_000)] == [0, 0.5, 1, 2, 30, 30]


@pytest.mark.parametrize(
    "said", [b"\0\0\0\0", (MAX_FRAME + 1).to_bytes(4, "big"), b"\0\0\0\x03abc", b"\0\0\0\x01\xc1", b"Hello, world!"]
)
def test_a_malformed_frame_costs_the_worker_its_life(said):
    babbler = [sys.executable, "-c", f"import os, signal; os.write(1, {said!r}); signal.pause()"]

    async def go():
        async with running(command=babbler, restarts=Restarts(first=0.01, hopeless=1), ready=False) as worker:
            await until(worker, lambda: worker.broken is not None)
            assert "malformed frame" in str(worker.broken)

    asyncio.run(go())


def test_a_worker_that_is_never_ready_is_given_up():
    mute = [sys.executable, "-c", "import signal; signal.pause()"]

    async def go():
        restarts = Restarts(first=0.01, hopeless=1)
        async with running(command=mute, limits=Limits(start=0.2), restarts=restarts, ready=False) as worker:
            await until(worker, lambda: worker.broken is not None)
            assert "was not ready after 0.2 s" in str(worker.broken)

    asyncio.run(go())


def test_it_is_begun_once_and_stopped_without_a_farewell_before_it_is_ready():
    mute = [sys.executable, "-c", "import signal; signal.pause()"]

    async def go():
        async with running(command=mute, limits=Limits(farewell=10 * PATIENCE), ready=False) as worker:
            begun = worker.pid
            await worker.start()
            assert worker.pid == begun is not None
            async with asyncio.timeout(PATIENCE):
                await worker.stop(0)
            assert not psutil.pid_exists(begun)

    asyncio.run(go())


def test_stop_lets_jobs_end_within_the_grace():
    async def go():
        async with running() as worker:
            stream = worker.submit(submit("1", "slow", steps=30))
            await read(stream, at_step(1))
            pid = worker.pid
            await worker.stop(PATIENCE)
            assert isinstance((await read(stream))[-1], Finished)
            assert not psutil.pid_exists(pid)

    asyncio.run(go())


def test_stop_fails_what_does_not_end_in_time():
    async def go():
        async with running(limits=Limits(farewell=0.1)) as worker:
            stream = worker.submit(submit("1", "stuck"))
            await read(stream, at_step(1))
            pid = worker.pid
            await worker.stop(0.1)
            assert (await read(stream))[-1].error == "WorkerLost"
            assert not psutil.pid_exists(pid)
            assert worker.restarts == 0

    asyncio.run(go())


def test_models_are_loaded_and_let_go_on_request():
    async def go():
        async with running(ready=False) as worker:
            assert isinstance(await worker.load(MODEL), Loaded)
            with pytest.raises(OutOfMemory, match="too big"):
                await worker.load(model_at("", "too big"))
            async with asyncio.timeout(PATIENCE):
                while [model.name for model in worker.stats.models] != ["m"]:
                    await read(worker.submit(submit("x")))
            await worker.unload("m")
            async with asyncio.timeout(PATIENCE):
                while worker.stats.models:
                    await read(worker.submit(submit("y")))

    asyncio.run(go())


def test_a_thousand_jobs_leave_nothing_behind():
    async def batch(worker, names):
        ends = await asyncio.gather(*(read(worker.submit(submit(name, steps=1, every=1))) for name in names))
        return [events[-1].data for events in ends]

    async def go():
        async with running() as worker:
            await batch(worker, ["first"])
            here, there = psutil.Process(), psutil.Process(worker.pid)
            gc.collect()  # what earlier tests left open
            before = here.num_fds(), there.num_fds(), len(asyncio.all_tasks()), there.num_threads()
            for start in range(0, 1000, 100):
                names = [f"job {start + number}" for number in range(100)]
                assert await batch(worker, names) == [f"png of {name}".encode() for name in names]
            assert worker._jobs == {}
            assert (here.num_fds(), there.num_fds(), len(asyncio.all_tasks()), there.num_threads()) == before
            gc.collect()
            assert not [thing for thing in gc.get_objects() if type(thing) is Buffer]

    asyncio.run(go())


def test_a_slow_reader_still_gets_the_picture():
    async def go():
        async with running() as worker:
            stream = worker.submit(submit("1", steps=3000, every=1))
            async with asyncio.timeout(PATIENCE):
                await worker._idle.wait()
            events = await read(stream)
            assert isinstance(events[-1], Finished)
            assert len(events) <= 256
            assert [event.step for event in events if isinstance(event, Preview)][-1] == 3000

    asyncio.run(go())


def test_the_default_command_runs_this_interpreter_and_ignores_the_folder_it_is_in(tmp_path, monkeypatch):
    (tmp_path / "imagine").mkdir()
    (tmp_path / "imagine/__init__.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    seen = subprocess.run([*worker_command(), "serve"], capture_output=True, text=True, check=False)
    assert "a worker takes no arguments" in seen.stderr
