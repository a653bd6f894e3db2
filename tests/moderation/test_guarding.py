"""The guard's process as its gateway uses it: killed, stopped, refused, asked by many at once."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from imagine.guard.serving import MEMORY
from imagine.identity.stamp import stamp_of
from imagine.moderation.guarding import GuardPatience, GuardProcess, NoAnswer, Watched
from imagine.moderation.vectors import KnownVectors
from imagine.processes.runtime import guard_command
from imagine.words.guarding import Meaning
from tests.guard.encoders import static

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
VECTORS = {
    "spider": (1, 0, 0), "arachnid": (0.9, 0, 0.1), "cat": (0, 1, 0), "kitten": (0.1, 0.9, 0), "web": (0.8, 0.6, 0),
}  # fmt: skip
PATIENCE = GuardPatience(question=250.0, start=250.0, answer=250.0)
"""For a busy machine: none of these runs out where it isn't asked to."""
SPIDERS = Meaning(name="spiders", examples=("spider",), against=("benign",))
BENIGN = Meaning(name="benign", examples=("cat", "web"))


def watched(folder, *meanings):
    path = folder / "model.safetensors"
    return Watched(path, (stamp_of(path),), meanings or (SPIDERS, BENIGN))


def run(folder, act, *, watch=None, most=300, **said):
    async def go():
        guard = GuardProcess(KnownVectors(folder / "known"), **{"patience": PATIENCE} | said)
        guard.watch(watch or watched(folder))
        try:
            async with asyncio.timeout(most):
                return await act(guard)
        finally:
            await guard.stop()

    return asyncio.run(go())


@pytest.fixture
def folder(tmp_path):
    static(tmp_path, VECTORS)
    return tmp_path


async def taken(guard):
    """Waits until what was asked just now is on its way."""
    await asyncio.sleep(0)
    await until(lambda: not guard.waiting)


async def passed(rounds):
    """Lets the loop turn, and with it whatever is due."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def until(is_so):
    while not is_so():
        await asyncio.sleep(0.005)


def test_it_says_how_near_texts_are_and_by_how_much_nearer_than_to_others(folder):
    answer = run(folder, lambda guard: guard.compare(["arachnid", "kitten", "web", "unheard"]))
    spiders = [near[0] for near in answer.near]
    assert [round(near.similarity, 2) for near in spiders] == [0.99, 0.11, 0.8, 0.0]
    assert [round(near.margin, 2) for near in spiders] == [0.2, -0.88, -0.2, 0.0]
    assert [meaning.name for meaning in answer.meanings] == ["spiders", "benign"]


def test_what_is_near_the_owners_own_example_is_of_it_too(folder):
    """`web` is among the innocent, and near `spider`."""
    own = Meaning(name="spiders", examples=("spider",), against=("benign",), own=True)
    answer = run(folder, lambda guard: guard.compare(["web"]), watch=watched(folder, own, BENIGN))
    assert answer.near[0][0].margin > 0.1


def test_a_process_killed_amid_a_question_is_replaced_and_the_question_answered(folder):
    async def act(guard):
        await guard.compare(["spider"])
        first = psutil.Process(guard.pid)
        first.suspend()
        asked = [asyncio.ensure_future(guard.compare(["spider"], str(number))) for number in range(3)]
        await taken(guard)
        first.kill()
        answers = await asyncio.gather(*asked)
        assert guard.pid != first.pid
        return [answer.near[0][0].similarity for answer in answers]

    assert run(folder, act) == [1.0, 1.0, 1.0]


def test_many_are_asked_together_and_none_waits_for_all_of_anothers(folder):
    async def act(guard):
        await guard.compare(["spider"])
        process, order = psutil.Process(guard.pid), []
        process.suspend()
        asked = [asyncio.ensure_future(guard.compare(["spider"], "first"))]
        await taken(guard)
        for client in ["many"] * 300 + ["one"]:
            asked.append(asyncio.ensure_future(guard.compare(["cat"], client)))
            asked[-1].add_done_callback(lambda _, client=client: order.append(client))
        await until(lambda: len(guard.waiting) == 301)
        process.resume()
        await asyncio.gather(*asked)
        return order

    order = run(folder, act)
    assert len(order) == 301
    assert order.index("one") < 128


def test_one_that_ends_and_ends_again_rests_before_it_is_started_again(folder):
    """Each start leaves a mark. Where it ends at once, questions aren't kept waiting."""
    starts, now = folder / "starts", [0.0]
    command = [sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x')"]

    async def act(guard):
        for _ in range(4):
            with pytest.raises(NoAnswer, match="ended, and ended again"):
                await guard.compare(["spider"])
        before = len(starts.read_text())
        now[0] = 31.0
        with pytest.raises(NoAnswer):
            await guard.compare(["spider"])
        return before, len(starts.read_text())

    assert run(folder, act, command=command, clock=lambda: now[0]) == (3, 6)


def test_nobody_waits_for_one_that_says_nothing(folder):
    async def act(guard):
        with pytest.raises(NoAnswer, match="took too long"):
            await guard.compare(["spider"])

    run(
        folder,
        act,
        command=[sys.executable, "-c", "import sys; sys.stdin.read()"],
        patience=GuardPatience(start=0.1),
    )


def held_start(folder):
    """What starts a guard once somebody has written to a pipe."""
    os.mkfifo(folder / "held")
    wait = f"open({str(folder / 'held')!r}).read(); import runpy; "
    return [sys.executable, "-c", wait + "runpy.run_module('imagine.guard', run_name='__main__')"]


HELD = GuardPatience(question=250.0, start=2000.0, answer=2000.0)


def test_a_questions_time_begins_once_it_is_ready(folder):
    """The process's start is held by a pipe, and the loop's clock set forward, rather than anything waited for."""

    async def act(guard):
        loop, ahead = asyncio.get_running_loop(), 0.0
        now = loop.time
        loop.time = lambda: now() + ahead
        first = asyncio.ensure_future(guard.compare(["spider"]))
        await until(lambda: guard.runs)
        ahead = 400.0
        await passed(10)
        assert not first.done(), "a question's 250 seconds haven't begun"
        (folder / "held").write_text("")
        answer = await first
        process = psutil.Process(guard.pid)
        process.suspend()
        late = asyncio.ensure_future(guard.compare(["spider"]))
        await taken(guard)
        ahead = 800.0
        with pytest.raises(NoAnswer, match="took too long"):
            await late
        return answer.near[0][0].similarity

    assert run(folder, act, most=2000, command=held_start(folder), patience=HELD) == 1.0


def test_where_it_ended_unasked_a_questions_time_begins_once_another_is_ready(folder):
    async def act(guard):
        loop, ahead = asyncio.get_running_loop(), 0.0
        now = loop.time
        loop.time = lambda: now() + ahead
        await until(lambda: guard.runs)
        (folder / "held").write_text("")
        await guard.compare(["spider"])
        first = guard.pid
        psutil.Process(first).kill()
        await guard._process.wait()
        asked = asyncio.ensure_future(guard.compare(["spider"]))
        await until(lambda: guard.pid not in (None, first))
        ahead = 400.0
        await passed(10)
        assert not asked.done(), "a question's 250 seconds haven't begun"
        (folder / "held").write_text("")
        return (await asked).near[0][0].similarity

    assert run(folder, act, most=2000, command=held_start(folder), patience=HELD) == 1.0


def test_a_file_that_is_refused_is_tried_again_once_it_is_another(folder):
    (folder / "config.json").write_text("[")

    async def act(guard):
        for _ in range(2):
            with pytest.raises(NoAnswer, match=r"config.json"):
                await guard.compare(["spider"])
        static(folder, VECTORS)
        guard.watch(watched(folder))
        return (await guard.compare(["spider"])).near[0][0].similarity

    assert run(folder, act) == 1.0


def test_what_it_learned_is_kept_for_the_next_and_never_taken_for_anothers(folder, caplog):
    caplog.set_level("INFO")
    run(folder, lambda guard: guard.compare(["spider"]))
    kept = (folder / "known").read_bytes()
    assert (folder / "known").stat().st_mode & 0o077 == 0
    assert b"spider" not in kept
    again = run(folder, lambda guard: guard.compare(["arachnid"]))
    assert (folder / "known").read_bytes() == kept
    static(folder, {word: vector[::-1] for word, vector in VECTORS.items()})
    other = run(folder, lambda guard: guard.compare(["arachnid"]))
    assert round(again.near[0][0].similarity, 4) == round(other.near[0][0].similarity, 4)
    assert (folder / "known").read_bytes() != kept
    (folder / "known").write_bytes(kept[:100])
    assert run(folder, lambda guard: guard.compare(["spider"])).near[0][0].similarity == 1.0


@LINUX
def test_its_memory_is_limited_and_it_writes_nothing(folder):
    async def act(guard):
        await guard.compare(["spider"])
        return Path(f"/proc/{guard.pid}/limits").read_text()

    limits = {line[:26].strip(): line[26:].split()[0] for line in run(folder, act).splitlines()}
    assert MEMORY < int(limits["Max address space"]) < MEMORY + 2**20
    assert limits["Max file size"] == limits["Max core file size"] == "0"


@LINUX
def test_it_dies_with_its_gateway_even_while_it_is_stopped():
    parent = (
        "import subprocess, sys\n"
        "from imagine.processes.runtime import guard_command\n"
        "from imagine.words.guarding import OpenRequest, frame_of\n"
        "child = subprocess.Popen(guard_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdin.write(frame_of(OpenRequest(path='/nowhere'))); child.stdin.flush(); child.stdout.read(4)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        child = psutil.Process(int(started.stdout.readline()))
        os.kill(child.pid, signal.SIGSTOP)
        started.kill()
        child.wait(120)


def test_it_takes_no_arguments():
    done = subprocess.run([*guard_command(), "x"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert "started by 'imagine serve'" in done.stderr


def test_others_are_asked_amid_a_question_of_many_texts(folder):
    async def act(guard):
        await guard.compare(["spider"])
        process, order = psutil.Process(guard.pid), []
        process.suspend()
        asked = []
        for client, texts in (("many", ["cat", "spider"] * 200), ("one", ["cat"])):
            asked.append(asyncio.ensure_future(guard.compare(texts, client)))
            asked[-1].add_done_callback(lambda _, client=client: order.append(client))
        await until(lambda: len(guard.waiting) > 1)
        process.resume()
        many, _ = await asyncio.gather(*asked)
        return order, [round(near[0].similarity) for near in many.near]

    assert run(folder, act) == (["one", "many"], [0, 1] * 200)


def test_a_strange_file_is_refused_once_and_so_is_more_than_can_be_said(folder):
    many = Meaning(name="many", examples=("spider " * 2**20,) * 10)

    async def act(guard):
        with pytest.raises(NoAnswer, match="more than a guard can learn"):
            await guard.compare(["spider"])
        save_file({"embeddings": np.zeros((9, 0), np.float32)}, folder / "model.safetensors")
        guard.watch(watched(folder))
        with pytest.raises(NoAnswer, match="can't be read"):
            await guard.compare(["spider"])

    run(folder, act, watch=watched(folder, many))


def test_once_it_was_stopped_no_process_is_begun_for_who_still_asks(folder):
    async def act(guard):
        await guard.settled()
        asked = asyncio.create_task(guard.compare(["kitten"]))
        await guard.stop()
        for comparing in (asked, guard.compare(["arachnid"])):
            with pytest.raises(NoAnswer, match="stopping"):
                await comparing
        assert guard.pid is None

    run(folder, act)
