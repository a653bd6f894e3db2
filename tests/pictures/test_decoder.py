"""Input pictures are looked at by a process that is limited, can be killed, and goes when nobody needs it."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from imagine.pictures.looking import process
from imagine.pictures.looking.decoder import Decoder, Patience
from imagine.pictures.looking.shown import ShownCopies
from imagine.processes.runtime import DECODER_ARGUMENT, decoder_command
from imagine.words.errors import BadPicture, Busy, ImagineError

PATIENT = Patience(answer=240.0, idle=240.0)
"""For a busy machine: neither runs out where it isn't asked to."""
ENTRY = Path(__file__).parents[2] / "tools/binary/entry.py"
"""What the binary runs."""

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and limits are enforced here")


def png(size=(40, 30), colour=(9, 9, 9), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB" if len(colour) == 3 else "RGBA", size, colour).save(file, kind)
    return file.getvalue()


def run(act, **said):
    """What `act` makes of a decoder, of which nothing stays."""

    async def whole():
        decoder = Decoder(**{"patience": PATIENT} | said)
        try:
            return await act(decoder)
        finally:
            await decoder.stop()
            assert decoder.pid is None

    return asyncio.run(whole())


def test_it_tells_size_digest_and_holes_and_makes_the_copies_that_are_asked_for():
    async def act(decoder):
        assert decoder.pid is None, "nobody has sent a picture yet"
        plain = await decoder.look(png(), "img", "a")
        holed = await decoder.look(png(colour=(9, 9, 9, 0)), "img", "a", copy="holes")
        smaller = await decoder.look(png((400, 200)), "img", "a", copy="smaller", largest=100)
        return plain, holed, smaller

    plain, holed, smaller = run(act)
    assert plain.digest == hashlib.sha256(png()).hexdigest()
    assert (plain.result.width, plain.result.height, plain.result.holes, plain.copy) == (40, 30, False, b"")
    assert holed.result.holes
    assert Image.open(io.BytesIO(holed.copy)).convert("L").getextrema() == (255, 255)
    assert Image.open(io.BytesIO(smaller.copy)).size == (100, 50)


def test_a_picture_that_is_none_is_refused_by_its_field_and_the_process_goes_on():
    async def act(decoder):
        for data in (b"no", png()[:-20], b"\xff\xd8\xff"):
            with pytest.raises(BadPicture) as caught:
                await decoder.look(data, "mask", "a")
            assert caught.value.field == "mask"
            assert str(caught.value).startswith("mask is ")
        first = decoder.pid
        await decoder.look(png(), "img", "a")
        assert decoder.pid == first

    run(act)


def test_a_picture_is_looked_at_once():
    async def act(decoder):
        first = await decoder.look(png((400, 200)), "img", "a")
        os.kill(decoder.pid, signal.SIGKILL)
        assert await decoder.look(png((400, 200)), "mask", "b") == first
        assert (await decoder.look(png((400, 200)), "img", "b", copy="smaller", largest=400)).copy == b""

    run(act)


def test_what_was_shown_is_made_once():
    async def act(decoder):
        first = await decoder.look(png((400, 200)), "img", "a", copy="shown", largest=100)
        os.kill(decoder.pid, signal.SIGKILL)
        assert await decoder.look(png((400, 200)), "mask", "b", copy="shown", largest=100) == first
        assert Image.open(io.BytesIO(first.copy)).size == (100, 50)

    run(act)


def test_a_process_that_dies_costs_its_picture_and_no_other():
    async def act(decoder):
        await decoder.look(png(), "img", "a")
        dead = decoder.pid
        os.kill(dead, signal.SIGSTOP)
        looking = asyncio.create_task(decoder.look(png((50, 50)), "img", "a"))
        while not decoder._turns._taken:
            await asyncio.sleep(0)
        os.kill(dead, signal.SIGKILL)
        with pytest.raises(BadPicture, match="img takes more memory or time"):
            await looking
        assert (await decoder.look(png((50, 50)), "img", "a")).result.width == 50
        assert decoder.pid != dead

    run(act)


def test_a_picture_without_an_end_is_given_up_and_the_next_is_served():
    async def act(decoder):
        await decoder.look(png(), "img", "a")
        os.kill(decoder.pid, signal.SIGSTOP)
        decoder._patience = Patience(answer=0.1)
        with pytest.raises(BadPicture):
            await decoder.look(png((50, 50)), "img", "a")
        decoder._patience = PATIENT
        return await decoder.look(png((50, 51)), "img", "a")

    assert run(act).result.height == 51


def test_who_hangs_up_leaves_no_answer_for_the_next():
    async def act(decoder):
        await decoder.look(png(), "img", "a")
        os.kill(decoder.pid, signal.SIGSTOP)
        looking = asyncio.create_task(decoder.look(png((50, 50)), "img", "a"))
        while not decoder._turns._taken:
            await asyncio.sleep(0)
        looking.cancel()
        return await decoder.look(png((60, 60)), "img", "a")

    assert run(act).result.width == 60


def test_it_goes_when_nobody_needs_it_and_comes_back():
    async def act(decoder):
        await decoder.look(png(), "img", "a")
        first = psutil.Process(decoder.pid)
        await asyncio.to_thread(first.wait, 120)
        assert decoder.pid is None
        assert (await decoder.look(png((50, 50)), "img", "a")).result.width == 50

    run(act, patience=Patience(idle=0.1))


@pytest.mark.parametrize("is_there", [True, False])
def test_once_it_was_stopped_no_process_is_begun_for_who_still_asks(is_there):
    """Connections are there a little longer: what they began would outlive the server's loop."""

    async def act(decoder):
        if is_there:
            await decoder.look(png(), "img", "a")
        begun = asyncio.create_task(decoder.look(png((50, 50)), "img", "a"))
        while not decoder._starting.locked() and decoder.pid is None:
            await asyncio.sleep(0)
        await decoder.stop()
        for looking in (begun, decoder.look(png((60, 60)), "img", "b")):
            with pytest.raises(Busy, match="stopping"):
                await looking
        assert decoder.pid is None

    run(act)


def test_a_process_that_can_not_be_started_is_said():
    async def act(decoder):
        with pytest.raises(ImagineError, match="the process that reads pictures can't be started"):
            await decoder.look(png(), "img", "a")

    run(act, command=["/nowhere/python"])


def test_the_binary_becomes_it_by_its_first_argument():
    async def act(decoder):
        return await decoder.look(png(), "img", "a")

    assert run(act, command=[sys.executable, "-P", str(ENTRY), DECODER_ARGUMENT]).result.width == 40


def test_it_takes_no_arguments():
    done = subprocess.run([*decoder_command(), "x"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert "started by 'imagine serve'" in done.stderr


@LINUX
def test_it_dies_with_its_gateway_even_while_it_decodes(tmp_path):
    """Its parent is killed while it waits for the rest of a picture."""
    parent = (
        "import subprocess, sys, os\n"
        "from imagine.pictures.looking.look import LookRequest, head_of\n"
        "from imagine.processes.runtime import decoder_command\n"
        "child = subprocess.Popen(decoder_command(), stdin=subprocess.PIPE)\n"
        "child.stdin.write(head_of(LookRequest(size=100, field='img'))); child.stdin.flush()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        child = psutil.Process(int(started.stdout.readline()))
        started.kill()
        child.wait(120)


@LINUX
def test_its_memory_and_its_time_are_limited_and_little_stays_when_it_waits():
    async def act(decoder):
        large = png((3500, 3500), (1, 2, 3, 255))
        assert (await decoder.look(large, "img", "a")).result.width == 3500
        limits = Path(f"/proc/{decoder.pid}/limits").read_text()
        while psutil.Process(decoder.pid).memory_info().rss > 40 * 2**20:  # what it answered is freed just after
            await asyncio.sleep(0.01)
        return limits

    limits = {line[:26].strip(): line[26:].split()[0] for line in run(act).splitlines()}
    assert int(limits["Max address space"]) == process.MEMORY
    assert 0 < int(limits["Max cpu time"]) <= process.SECONDS + 5
    assert limits["Max file size"] == limits["Max core file size"] == "0"


@LINUX
@pytest.mark.parametrize(("name", "value"), [("MEMORY", 60 * 2**20), ("SECONDS", 0)])
def test_a_picture_that_costs_too_much_is_refused(name, value, caplog):
    """A sound one, where less is allowed than it takes: one of no seconds takes them all, as systems count roughly."""
    program = (
        f"from imagine.pictures.looking import process; process.{name} = {value}\n"
        "process.look = process.look if process.SECONDS else lambda *_: any(iter(int, 1))\n"
        "raise SystemExit(process.main())"
    )

    async def act(decoder):
        with pytest.raises(BadPicture, match="mask takes more memory or time"):
            await decoder.look(png((4000, 4000)), "mask", "a")

    run(act, command=[sys.executable, "-c", program], patience=Patience(answer=600.0))
    assert "TimeoutError" not in caplog.text, "its own limits end it, and not who waits for it"


def test_of_what_was_shown_the_last_few_are_kept():
    kept = ShownCopies(most=5)
    for name, copy in (("a", b"12"), ("b", b"12"), ("a", b"34"), ("c", b"123")):
        kept.keep(name, 64, copy)
    assert [kept.find(name, 64) for name in "abc"] == [b"34", None, b"123"]
    kept.keep("d", 64, b"123456")
    assert (kept.find("d", 64), kept.find("c", 64)) == (None, None), "one that is too large alone isn't kept"
