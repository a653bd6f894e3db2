"""A host that lies harms nobody: it is let go with the reason, left alone for a while, and its jobs are others'."""

import asyncio
import contextlib

import pytest

from imagine.machines import peer_life
from imagine.machines.opening import opened
from imagine.machines.wire import PROTOCOL, Beat, Devices, Hello, Holdings, Refusal
from imagine.messages import Message, in_english, message
from imagine.words.errors import BadPicture, Blocked
from imagine.words.events import Failed, Finished, Loading, Preview, Progress
from imagine.words.frames import Cancel, PreviewSettings, Ready, ResidentModel, Stats, Submit, encode
from imagine.words.moderation import ModerationVerdict
from imagine.words.recipe import meta_from_params
from tests.machines.peering import ToldHost, changed, told_by, until
from tests.server.openai.painting import painted, png
from tests.server.served import PATIENCE
from tests.worker.fake_engine import submit

JOB = changed(submit("1", steps=4), preview=PreviewSettings(every=1))
META = meta_from_params(JOB.params)
GOOD = Finished(job="1", data=painted(JOB.params, 255, META), meta=META, timings={"denoising": 1.0})


def preview(data, **said):
    return Preview(job="1", step=1, steps=4, data=data, **said)


async def ends(stream):
    return [event async for event in stream]


def asked(host, act, **said):
    async def go():
        async with told_by(host, **said) as worker:
            await act(worker)

    asyncio.run(go())


def test_what_is_true_is_passed_on_and_costs_no_more_than_it_took():
    host = ToldHost()

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        stream = worker.submit(JOB)
        await host.next(Submit)
        said = [
            Loading(job="1", model="m", fraction=7.0),
            Progress(job="1", step=1, steps=4, remaining=float("nan"), spent=1e300),
            preview(png()),
            changed(GOOD, spent=1e300),
        ]
        for event in said:
            await host.say(event)
        loading, progress, shown, finished = await ends(stream)
        assert (loading.fraction, progress.remaining, shown) == (1.0, 0.0, said[2])
        assert progress.spent < 3600
        assert finished.spent < 3600
        assert (finished.data, finished.meta) == (GOOD.data, META)

    asked(host, act)


LIES = {
    "of another's job": (Progress(job="2", step=1, steps=4), "a job that it hasn't got"),
    "no preview": (preview(b"\x89PNG nothing"), "a preview that is none"),
    "too large a preview": (preview(png((4000, 4000))), "a preview that is none"),
    "another type": (preview(png(), media_type="text/html"), "a preview that is none"),
    "no picture": (changed(GOOD, data=b"MZ"), "a picture that is none"),
    "too large": (changed(GOOD, data=painted(changed(JOB.params, width=2048), 1, META)), "a picture that is none"),
    "no PNG": (changed(GOOD, media_type="image/svg+xml"), "a picture that is none"),
    "another recipe": (changed(GOOD, meta=META | {"seed": "2"}), "another recipe"),
    "a recipe that isn't in it": (changed(GOOD, data=png()), "another recipe"),
    "a recipe without end": (changed(GOOD, meta=META | {"environment": {"x": "y" * 10**5}}), "another recipe"),
    "words without end": (Failed(job="1", error="x", message=Message("a" * 1000)), "what can't be said"),
    "numbers without end": (
        Failed(job="1", error="x", message=Message("plain", None, {"text": float("inf")})), "what can't be said",
    ),
    "another machine": (Devices(ready=(Ready(device="cuda:7"),)), "another machine than before"),
    "files that can't be": (Holdings(came=("../../etc/passwd",)), "what can't be"),
    "models without end": (Stats(models=[ResidentModel(name="x", digest="y")] * 1000), "what can't come"),
    "a second greeting": (Hello(protocol=PROTOCOL, server="other"), "before it has said who it is"),
    "no frame": (b"\0\0\0\4nope", "no frame of ours"),
    "a frame without end": (b"\x7f\xff\xff\xff", "no frame of ours"),
    "a frame of nothing": (b"\0\0\0\0", "no frame of ours"),
    "a command": (bytes(encode(Cancel(job="1"))), "no frame of ours"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_it_and_loses_no_job(lie):
    host, (said, why) = ToldHost(), LIES[lie]

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        stream = worker.submit(JOB)
        await host.next(Submit)
        await host.say(said)
        (*_, end) = await ends(stream)
        assert end.error == "WorkerLost", "the pool gives it to another"
        assert why in str(end.message)
        assert str(worker.peer.url) in str(end.message)
        await until(worker, lambda one: one.broken is not None)
        assert why in str(worker.broken)
        assert not worker.ready
        assert await worker.rests.get() == 30.0

    asked(host, act)


def test_endless_previews_end():
    host = ToldHost()

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        stream = worker.submit(JOB)
        await host.next(Submit)
        shown = bytes(encode(preview(png())))
        with contextlib.suppress(ConnectionError):  # once the other side has had enough
            for _ in range(3000):
                await host.say(shown)
        assert "more of a job than can happen" in str((await ends(stream))[-1].message)

    asked(host, act)


def test_a_picture_that_nothing_can_decode_ends_it():
    host = ToldHost()

    def look(_):
        raise BadPicture(message("picture.damaged", "img", kind="PNG"))

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        stream = worker.submit(JOB)
        await host.next(Submit)
        await host.say(GOOD)
        assert "a picture that is none" in str((await ends(stream))[-1].message)

    asked(host, act, look=look)


def test_one_that_talks_without_end_is_let_go():
    host = ToldHost()

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        stream = worker.submit(JOB)
        await host.next(Submit)
        beats = bytes(encode(Beat())) * 100
        with contextlib.suppress(ConnectionError):  # once the other side has had enough
            for _ in range(1000):
                await host.say(beats)
        assert "talks without end" in str((await ends(stream))[-1].message)

    asked(host, act)


def test_a_job_that_does_not_come_on_is_asked_back_whatever_signs_of_life_there_are():
    host = ToldHost()

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        stream = worker.submit(JOB)
        await host.next(Submit)
        assert (await host.next(Cancel)).job == "1"
        await host.say(Failed(job="1", error="Cancelled", message=in_english("taken back")))
        assert [event.error for event in await ends(stream)] == ["WorkerLost"], "nobody here took it back"
        assert worker.ready is not None

    asked(host, act, held=0.1)


def test_what_is_too_large_to_be_said_ends_its_job_alone(monkeypatch):
    host = ToldHost()
    monkeypatch.setattr(peer_life, "MAX_ASKED", 10_000)

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        large = worker.submit(changed(JOB, job="2", img=bytes(20_000)))
        (end,) = await ends(large)
        assert (end.error, "can't be sent" in str(end.message)) == ("ImagineError", True)
        stream = worker.submit(JOB)
        assert (await host.next(Submit)).job == "1"
        await stream.aclose()

    asked(host, act)


def test_a_picture_that_is_not_to_be_shown_is_told_so_and_a_look_that_fails_loses_it():
    verdict = ModerationVerdict(action="block", categories={"sexual": 0.8}, stage="picture", rule="looks")
    raised = [Blocked(in_english("not to be shown"), verdict), ZeroDivisionError()]

    def look(_):
        raise raised.pop(0)

    host = ToldHost()

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        told = []
        for _ in range(2):
            stream = worker.submit(JOB)
            await host.next(Submit)
            await host.say(GOOD)
            told += await ends(stream)
        assert [event.error for event in told] == ["Blocked", "WorkerLost"]
        assert told[0].verdict == verdict

    asked(host, act, look=look)


def test_a_second_reason_cuts_no_farewell_short():
    host, ways = ToldHost(), []

    async def opening(peer):
        ways.append(await opened(peer))
        return ways[-1]

    async def act(worker):
        await until(worker, lambda one: one.ready is not None)
        life = worker._last
        while not life.ended.done():
            life.kill(message("lost.stopped"))
            await asyncio.sleep(0)
        assert ways[0].session.closed

    asked(host, act, opening=opening)


def test_one_that_is_ended_before_it_began_ends():
    async def act(worker):
        life = peer_life.PeerLife(worker.peer, worker._terms, peer_life.PeerHeard(print, print, print, print))
        life.kill(message("lost.stopped"))
        async with asyncio.timeout(PATIENCE):
            assert "was stopped" in str(await life.ended)

    asked(ToldHost(), act)


def test_what_is_resident_there_and_nobody_here_asked_for_goes_by_its_place_alone():
    async def act(worker):
        for number in range(3):
            models = [ResidentModel(name="x", digest="y", identity=f"another {number}")] * 2
            told = worker._translated(Stats(models=models))
            assert [model.identity for model in told.models] == ["elsewhere 0", "elsewhere 1"]

    asked(ToldHost(), act)


def test_whoever_took_nothing_back_is_not_told_so_and_a_full_queue_is_anothers():
    host = ToldHost()

    async def act(worker):
        await until(worker, lambda one: one.holds(JOB.components))
        for error in ("Cancelled", "Busy", "OverQuota"):
            stream = worker.submit(JOB)
            await host.next(Submit)
            await host.say(Failed(job="1", error=error, message=in_english("no")))
            assert [event.error for event in await ends(stream)] == ["WorkerLost"]

    asked(host, act)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Devices(ready=(Ready(device="cpu"),)), "before it has said who it is"),
        (Hello(protocol=PROTOCOL + 1, version="9.9"), "speaks protocol 2 (version 9.9)"),
        (Hello(protocol=PROTOCOL, server="guest"), "is this server itself"),
        (Refusal(why=message("peer.crowd", most=32)), "refuses: 32 other servers"),
    ],
    ids=["early", "protocol", "itself", "refusal"],
)
def test_who_is_not_what_it_should_be_is_let_go(said, why):
    async def act(worker):
        await until(worker, lambda one: one.broken is not None)
        assert why in str(worker.broken)

    asked(ToldHost(said, greets=False), act)


def test_a_silent_one_is_let_go():
    host = ToldHost(beats=False)

    async def act(worker):
        await until(worker, lambda one: one.ready is not None)
        stream = worker.submit(JOB)
        (end,) = await ends(stream)
        assert "has been silent" in str(end.message)
        assert worker.cut_off

    asked(host, act, silence=0.4)


def test_one_that_never_ends_a_frame_is_let_go():
    host = ToldHost(beats=False)

    async def drip():
        with contextlib.suppress(ConnectionError):
            await host.say((100_000).to_bytes(4, "big"))
            for _ in range(99_999):
                await host.say(b"x")
                await asyncio.sleep(0.05)

    async def act(worker):
        await until(worker, lambda one: one.ready is not None)
        stream = worker.submit(JOB)
        await host.next(Submit)
        dripping = asyncio.create_task(drip())
        (end,) = await ends(stream)
        assert "left a frame unfinished" in str(end.message)
        dripping.cancel()
        await asyncio.wait([dripping])

    asked(host, act, silence=1.0, half=1.5)


@pytest.mark.parametrize(
    ("status", "why"), [(401, "doesn't know the key"), (404, "older version"), (302, "redirect"), (500, "answered 500")]
)
def test_what_is_no_such_server_is_told_and_no_redirect_is_followed(status, why):
    host = ToldHost(status=status)

    async def act(worker):
        await until(worker, lambda one: one.broken is not None)
        assert why in str(worker.broken)
        assert {headers["Authorization"] for headers in host.headers} == {"Bearer sesame"}
        assert "sesame" not in str(worker.broken) + repr(worker.peer)

    asked(host, act)
