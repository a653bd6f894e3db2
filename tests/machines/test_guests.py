"""A guest that lies to its host: refused frame by frame, and the host's own clients notice nothing."""

import asyncio
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import msgspec
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from imagine.machines.wire import MAX_SAID, PATH, PROTOCOL, Hello, Holdings, Refusal, from_host
from imagine.server.hosting import door, session
from imagine.server.hosting.admission import bytes_of
from imagine.server.hosting.door import HostRoom
from imagine.server.http.security import GUARD
from imagine.words.events import Failed, Finished
from imagine.words.frames import Assembler, Cancel, Enlargement, Load, MapWish, Submit, encode
from imagine.words.model import Component, ControlUse, ReferenceUse
from tests.machines.peering import changed, keyed
from tests.server.openai.painting import PaintingWorker, png
from tests.server.served import PATIENCE, serving
from tests.worker.fake_engine import submit


class LyingGuest:
    """One connection to a host, which hears what it is told."""

    def __init__(self, socket):
        self.socket, self.frames, self.came = socket, Assembler(), []

    async def say(self, frame):
        await self.socket.send_bytes(bytes(encode(frame)))

    async def next(self, *kinds):
        """What it hears next of these; None once the host has ended it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for at, frame in enumerate(self.came):
                    if isinstance(frame, kinds):
                        return self.came.pop(at)
                message = await self.socket.receive()
                if message.type is not WSMsgType.BINARY:
                    return None
                self.came += [from_host(body) for body in self.frames.feed(message.data)]


def visiting(act, folder, greets=True, headers=None, **said):
    async def go():
        async with (
            serving(folder, worker=PaintingWorker(), **said) as host,
            host.ws_connect(PATH, max_msg_size=0, headers=headers) as socket,
        ):
            guest = LyingGuest(socket)
            if greets:
                await guest.say(Hello(protocol=PROTOCOL, server="guest"))
                holdings = await guest.next(Holdings)
                job = job_of(host, holdings.came)
                await act(host, guest, job)
            else:
                await act(host, guest, None)

    asyncio.run(go())


def job_of(host, digests):
    """A job of the host's model, as an honest server sends it."""
    (entry,) = [each for each in host.gateway.registry.files() if each.name == "fox"]
    assert entry.digest in digests
    job = submit("1")
    part = Component(role="checkpoint", path="", digest=entry.digest)
    model = msgspec.structs.replace(job.model, family=entry.family, components=(part,))
    return changed(job, model=model)


def of(job, **part):
    """The job of a file that is told otherwise."""
    (own,) = job.model.components
    return changed(job, model=changed(job.model, components=(changed(own, **part),)))


def told(job, **params):
    return changed(job, params=changed(job.params, **params))


def a_map(job, **wish):
    """No picture, but a map of one."""
    params = {"img": "0" * 64, "num_steps": 1, "sampler": "none", "guidance": 0.0, "prompt": ""}
    return changed(told(job, **params), img=png(), mapping=MapWish(preprocess="canny", **wish))


LIES = {
    "a path": (lambda job: of(job, path="/etc/passwd"), "BadRequest"),
    "a file that isn't there": (lambda job: of(job, digest="1" * 64), "WorkerLost"),
    "options": (lambda job: of(job, options={"module": "os"}), "BadRequest"),
    "another family": (lambda job: changed(job, model=changed(job.model, family="flux")), "BadRequest"),
    "a file to write": (lambda job: changed(job, enlargement=Enlargement(path="/etc/cron.d/x")), "BadRequest"),
    "a giant": (lambda job: told(job, width=100_000), "BadRequest"),
    "steps without end": (lambda job: told(job, num_steps=10**9), "BadRequest"),
    "no sampler": (lambda job: told(job, sampler="__import__"), "BadRequest"),
    "no picture": (lambda job: changed(told(job, img="0" * 64), img=b"MZ"), "BadPicture"),
    "a picture too few": (lambda job: told(job, img="0" * 64), "BadRequest"),
    "none at once": (lambda job: changed(job, max_batch=0), "BadRequest"),
    "loaded for ever and ever": (lambda job: changed(job, keep_alive=float("inf")), "BadRequest"),
    "a name for the log": (lambda job: told(job, model="fox\nfinished job=1"), "BadRequest"),
    "a name for the screen": (lambda job: changed(job, model=changed(job.model, name="\x1b[2J")), "BadRequest"),
    "a giant map": (lambda job: a_map(told(job, width=100_000)), "BadRequest"),
    "a map told nonsense": (lambda job: a_map(job, options={"low_threshold": 1e300}), "BadRequest"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_job_that_no_honest_server_sends_is_refused_and_the_next_is_made(tmp_path, lie):
    make, error = LIES[lie]

    async def act(host, guest, job):
        await guest.say(make(job))
        assert (await guest.next(Failed)).error == error
        await guest.say(job)
        finished = await guest.next(Finished)
        assert finished.meta["digest"] == job.params.digest
        assert len(host.worker.seen) == 1

    visiting(act, tmp_path)


def test_what_is_not_drawn_here_is_drawn_for_nobody(tmp_path):
    async def act(host, guest, job):
        await guest.say(told(job, prompt="a purple fox"))
        refused = await guest.next(Failed)
        assert (refused.error, host.worker.seen) == ("Blocked", [])

    visiting(act, tmp_path, blocked_terms=("purple",))


def test_a_map_is_made_as_it_could_be_asked_for_here(tmp_path):
    async def act(host, guest, job):
        await guest.say(a_map(job, options={"low_threshold": 50.0}))
        await guest.next(Finished)
        (seen,) = host.worker.seen
        assert seen.mapping.preprocess == "canny"

    visiting(act, tmp_path)


def test_what_is_taken_back_before_it_was_begun_is_told_so(tmp_path):
    async def act(host, guest, job):
        both = (changed(told(job, prompt="hold"), job="2"), Cancel(job="2"), Cancel(job="2"))
        await guest.socket.send_bytes(b"".join(bytes(encode(each)) for each in both))
        assert (await guest.next(Failed)).error == "Cancelled"
        await guest.say(job)
        assert await guest.next(Finished) is not None

    visiting(act, tmp_path)


def test_a_key_that_is_taken_away_ends_its_connection_with_the_next_job(tmp_path):
    keys = {name: keyed(**{name: ["worker"]}) for name in ("laptop", "other")}

    async def act(host, guest, job):
        await guest.say(job)
        await guest.next(Finished)
        host.server.app[GUARD].obey(replace(host.gateway.settings, keys=keys["other"]))
        await guest.say(changed(job, job="2"))
        assert "key" in str((await guest.next(Refusal, Finished)).why)
        assert len(host.worker.seen) == 1

    visiting(act, tmp_path, keys=keys["laptop"], headers={"Authorization": "Bearer sk-laptop"})


def test_who_asks_without_end_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "_MOST_JOBS", 1)

    async def act(host, guest, job):
        jobs = [changed(told(job, prompt="hold"), job=str(number)) for number in range(3)]
        await guest.socket.send_bytes(b"".join(bytes(encode(each)) for each in jobs))
        assert "more than anybody could do" in str((await guest.next(Refusal)).why)

    visiting(act, tmp_path)


def test_one_key_or_address_keeps_the_others_no_place(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "_MOST_OF_ONE", 1)

    async def act(host, guest, job):
        with pytest.raises(WSServerHandshakeError) as refused:
            await host.ws_connect(PATH)
        assert refused.value.status == 503

    visiting(act, tmp_path)


def test_guests_that_come_and_go_begin_no_second_look():
    """Each reads what is new on a thread, of which there are few for all of the server."""

    async def go():
        room, may_end = HostRoom(SimpleNamespace(registry=None)), Event()
        room.inventory = SimpleNamespace(look=lambda told: may_end.wait(PATIENCE))
        session = SimpleNamespace(guest=SimpleNamespace(name="a"), wake=lambda: None)
        looks = []
        for guest in ("first", "second"):
            with room.joined(guest, session):
                looks.append(room._looking)
                await asyncio.sleep(0)
        assert looks[0] is looks[1]
        may_end.set()
        await room.close()

    asyncio.run(go())


def test_many_files_are_told_of_in_frames_that_may_be_said():
    files = frozenset(f"{number:064x}" for number in range(20_000))
    told = list(session.holdings_between(frozenset(), files))
    assert {digest for each in told for digest in each.came} == files
    assert all(len(encode(each)) < MAX_SAID for each in told)
    assert list(session.holdings_between(files, files)) == []
    assert sum(len(each.gone) for each in session.holdings_between(files, frozenset())) == 20_000


def test_every_picture_that_came_counts_as_memory():
    shown = ReferenceUse(component=None, img=bytes(5), embedding=bytes(7), mask=bytes(11))
    control = ControlUse(kind="controlnet", component=None, image=bytes(13))
    job = changed(submit("1"), img=bytes(17), mask=bytes(19), references=(shown,), controls=(control,))
    assert bytes_of(job) == 5 + 7 + 11 + 13 + 17 + 19


def test_others_jobs_are_not_its_to_end(tmp_path):
    async def act(host, guest, job):
        own = host.gateway.pool.submit(changed(job, job="theirs", params=changed(job.params, prompt="hold")))
        await guest.say(Cancel(job="theirs"))
        await guest.say(job)
        await guest.next(Finished)
        assert host.worker.cancelled == []
        await own.aclose()

    visiting(act, tmp_path)


@pytest.mark.parametrize("said", ["twice", "protocol", "itself", "early"])
def test_who_is_not_what_it_should_be_is_let_go(tmp_path, said):
    async def act(host, guest, _):
        hello = Hello(protocol=PROTOCOL, server="guest")
        load = Load(job="1", model=submit("1").model)
        frames = {
            "twice": [hello, changed(submit("1"), job="x" * 65)],
            "protocol": [changed(hello, protocol=99)],
            "itself": [changed(hello, server=host.gateway.server)],
            "early": [load],
        }[said]
        for frame in frames:
            await guest.say(frame)
        assert await guest.next(Refusal) is not None
        assert await guest.next(Submit) is None

    visiting(act, tmp_path, greets=False)
