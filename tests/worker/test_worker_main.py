"""The worker's process as a whole: what it settles before the engine is made, and when it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imagine.words.frames import (
    REFUSED,
    Assembler,
    Heartbeat,
    Ready,
    Shutdown,
    Start,
    WorkerSettings,
    encode,
    report_from_bytes,
)
from tests.worker.fake_engine import submit

PATIENCE = 600.0
"""Seconds: for what hangs, not for what is slow."""
FAKE = [sys.executable, str(Path(__file__).parent / "fake_worker.py")]


@pytest.fixture
def worker():
    process = subprocess.Popen(FAKE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    with process:
        yield process
        process.kill()


def say(worker, *commands):
    for command in commands:
        worker.stdin.write(encode(command))


def listen(worker):
    assembler = Assembler()
    while data := worker.stdout.read(4096):
        for body in assembler.feed(data):
            yield report_from_bytes(body)


def test_it_settles_the_libraries_before_the_engine_is_made(worker):
    say(worker, Start())
    ready = next(report for report in listen(worker) if isinstance(report, Ready))
    assert ready.name == "1"  # HF_HUB_OFFLINE, as the engine found it


def test_offline_it_reaches_nothing_elsewhere(worker):
    say(worker, Start(settings=WorkerSettings(offline=True)))
    ready = next(report for report in listen(worker) if isinstance(report, Ready))
    assert "192.0.2.1 is elsewhere" in ready.name


def test_it_ends_well_on_shutdown(worker):
    say(worker, Start(), Shutdown())
    kinds = [type(report) for report in listen(worker)]
    assert [kind for kind in kinds if kind is not Heartbeat][:1] == [Ready]
    assert worker.wait(PATIENCE) == 0


def test_it_ends_when_nobody_speaks_to_it_any_more(worker):
    say(worker, Start())
    worker.stdin.close()
    assert worker.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_signals_to_its_gateway(worker, number):
    say(worker, Start(settings=WorkerSettings(heartbeat=0.02)))
    reports = listen(worker)
    assert any(isinstance(report, Ready) for report in reports)
    os.kill(worker.pid, number)
    assert [type(next(reports)) for _ in range(3)]
    say(worker, Shutdown())
    assert worker.wait(PATIENCE) == 0


def test_its_first_frame_must_be_a_start(worker):
    say(worker, Shutdown())
    assert worker.wait(PATIENCE) == 1
    assert b"the first frame must be a Start, not a Shutdown" in worker.stderr.read()


def test_its_last_words_are_one_sentence(worker):
    say(worker, Start(), submit("1", "device lost", steps=3))
    assert worker.wait(PATIENCE) == 1
    said = worker.stderr.read().decode().splitlines()
    assert said[-1] == "the device failed: CUDA error: an illegal memory access was encountered"
    assert any(line.startswith("Traceback") for line in said)


def test_of_what_a_user_can_mend_it_says_nothing_but_the_sentence(worker):
    say(worker, Start(settings=WorkerSettings(device="cuda:99")))
    assert worker.wait(PATIENCE) == REFUSED, "another start would end the same"
    assert worker.stderr.read().decode() == "device is 'cuda:99', which this machine does not have\n"
