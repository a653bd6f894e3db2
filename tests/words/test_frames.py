"""Frames: whatever pieces they come in they are the same, and what is no frame is refused at once."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagine.messages import in_english
from imagine.words.events import Failed, Finished, Preview, Progress
from imagine.words.frames import (
    MAX_FRAME,
    Assembler,
    Cancel,
    FrameError,
    Heartbeat,
    Load,
    Loaded,
    Log,
    PreviewSettings,
    Ready,
    ResidentModel,
    Shutdown,
    Start,
    Stats,
    Unload,
    Unloaded,
    WorkerSettings,
    command_from_bytes,
    encode,
    ends,
    report_from_bytes,
)
from tests.worker.fake_engine import MODEL, submit

COMMANDS = [
    Start(settings=WorkerSettings(device="cuda:1")),
    submit("1", "a red fox", img=bytes(range(256))),
    Cancel(job="1"),
    Load(job="2", model=MODEL, keep_alive=-1),
    Unload(job="3", model="m"),
    Shutdown(),
]
REPORTS = [
    Ready(device="cpu", name="x86_64 AVX2"),
    Heartbeat(stage="denoising", age=0.25, busy=True),
    Progress(job="1", step=1, steps=25),
    Preview(job="1", step=1, steps=25, data=b"\x89PNG"),
    Finished(job="1", data=b"\0" * 100_000, meta={"seed": 2**64 - 1}, timings={"denoising": 1.5}),
    Failed(job="1", error="BadRequest", message=in_english("no", "prompt")),
    Loaded(job="2", model="m"),
    Unloaded(job="3", model="m"),
    Stats(models=[ResidentModel(name="m", digest="0")]),
    Log(level=30, name="torch", message="ужас"),
]


def bodies(data: bytes, size: int) -> list[bytes]:
    assembler = Assembler()
    return [body for start in range(0, len(data), size) for body in assembler.feed(data[start : start + size])]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 4096, 10**6])
def test_frames_survive_any_cutting(size):
    sent = b"".join(encode(frame) for frame in COMMANDS)
    assert [command_from_bytes(body) for body in bodies(sent, size)] == COMMANDS
    sent = b"".join(encode(frame) for frame in REPORTS)
    assert [report_from_bytes(body) for body in bodies(sent, size)] == REPORTS


def test_a_command_is_no_report_and_a_wrong_type_is_refused():
    with pytest.raises(FrameError):
        report_from_bytes(bytes(encode(Shutdown())[4:]))
    with pytest.raises(FrameError, match="age"):
        report_from_bytes(bytes(encode(Heartbeat(stage="", age="old", busy=True))[4:]))
    oily = msgspec.structs.replace(submit("1"), preview=PreviewSettings(kind="oil"))
    with pytest.raises(FrameError, match="kind"):
        command_from_bytes(bytes(encode(oily)[4:]))


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 2**32 - 1])
def test_an_impossible_length_is_refused_before_anything_is_kept(length):
    with pytest.raises(FrameError, match="bytes"):
        list(Assembler().feed(length.to_bytes(4, "big")))


def test_what_cannot_be_said_is_refused_by_the_sender():
    with pytest.raises(FrameError, match="larger"):
        encode(Preview(job="1", step=1, steps=1, data=bytes(MAX_FRAME)))
    for meta in ({"a": object()}, {"a": 2**64}, {"a": "\ud800"}):
        with pytest.raises(FrameError, match="Finished"):
            encode(Finished(job="1", data=b"", meta=meta, timings={}))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_being_refused(body):
    for read in (command_from_bytes, report_from_bytes):
        try:
            frame = read(body)
        except FrameError:
            continue
        assert encode(frame)


def test_a_bomb_of_nesting_is_refused():
    with pytest.raises(FrameError):
        report_from_bytes(b"\x81\xa4type" + b"\x91" * 100_000)


def test_what_ends_a_job():
    assert [ends(report) for report in REPORTS[2:8]] == [False, False, True, True, True, True]


def test_the_gateways_side_never_imports_anything_heavy():
    modules = ["words.frames", "dispatch.worker", "dispatch.process", "dispatch.pool", "dispatch.queue"]
    code = f"""
import sys
{"".join(f"import imagine.{module};" for module in modules)}
heavy = {{"torch", "numpy", "PIL", "diffusers", "transformers", "safetensors", "psutil"}} & set(sys.modules)
assert not heavy, heavy
assert not any(name.startswith(("imagine.engine", "imagine.worker")) for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
