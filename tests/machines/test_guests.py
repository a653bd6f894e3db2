"""A guest that lies to its host: refused frame by frame, and the host's own clients notice nothing."""

import asyncio

import msgspec
import pytest
from aiohttp import WSMsgType

from imagine.machines.wire import PATH, PROTOCOL, Hello, Holdings, Refusal, from_host
from imagine.words.events import Failed, Finished
from imagine.words.frames import Assembler, Cancel, Enlargement, Load, Submit, encode
from imagine.words.model import Component
from tests.machines.peering import changed
from tests.server.openai.painting import PaintingWorker
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


def visiting(act, folder, greets=True, **said):
    async def go():
        async with (
            serving(folder, worker=PaintingWorker(), **said) as host,
            host.ws_connect(PATH, max_msg_size=0) as socket,
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
