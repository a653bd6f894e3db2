"""Servers that work for each other: pictures, previews, cancelling, keys; the other's loss, and what it doesn't have."""

import asyncio
import base64
import json

import pytest

from imagine.settings.keys import NamedKey, digest_of
from imagine.words.errors import WorkerLost
from imagine.words.events import Preview
from tests.machines.peering import Absent, address, at_work, of_peers, peers, until
from tests.server.openai.painting import PaintingWorker, opened
from tests.server.served import PATIENCE, add_model


def run(act, folder, *hosts, **said):
    async def go():
        async with peers(folder, *hosts, **said) as (guest, served):
            await act(guest, *served)

    asyncio.run(go())


async def generate(client, prompt="a fox", **said):
    async with client.post("/generate", json={"prompt": prompt, "width": 64, "height": 64, **said}) as answer:
        return answer.status, await answer.json()


def test_a_picture_is_made_elsewhere_with_its_recipe_and_none_of_its_paths(tmp_path):
    async def act(guest, host):
        await at_work(guest)
        status, answer = await generate(guest, seed=7, num_steps=3)
        assert (status, answer["meta"]["seed"], answer["meta"]["model"]) == (200, "7", "fox")
        assert opened(base64.b64decode(answer["img"])).size == (64, 64)
        (job,) = host.worker.seen
        assert job.model.main.path == str(tmp_path / "host0" / "models" / "vixen.safetensors"), "found by its digest"
        assert (job.foreign, job.params.model, guest.worker.seen) == (True, "fox", [])
        assert job.job not in (await (await guest.get("/jobs")).text())

    run(act, tmp_path, {"worker": PaintingWorker(), "models": ("vixen",)})


def test_previews_and_steps_come_as_they_are_made(tmp_path):
    async def act(guest, _):
        await at_work(guest)
        body = {"prompt": "a fox", "width": 64, "height": 64, "num_steps": 3, "stream": 1, "progress": True}
        async with guest.post("/generate", json=body) as answer:
            lines = [json.loads(line) for line in (await answer.text()).splitlines()]
        kinds = [next(iter(set(line) & {"preview", "img"}), "step") for line in lines]
        assert kinds.count("preview") == 2
        assert kinds[-1] == "img"

    run(act, tmp_path, PaintingWorker())


def test_what_is_taken_back_is_taken_back_there(tmp_path):
    async def act(guest, host):
        await at_work(guest)
        asking = asyncio.create_task(generate(guest, "hold"))
        async with asyncio.timeout(PATIENCE):
            await host.worker.news.wait()
            host.worker.news.clear()
            asking.cancel()
            while not host.worker.cancelled:
                await host.worker.news.wait()
                host.worker.news.clear()
        assert host.worker.cancelled == [host.worker.seen[0].job]

    run(act, tmp_path, PaintingWorker())


def test_several_share_the_work_and_a_lost_one_loses_nothing(tmp_path):
    async def act(guest, first, second):
        await at_work(guest)
        held = [asyncio.create_task(generate(guest, "hold", seed=seed)) for seed in range(2)]
        async with asyncio.timeout(PATIENCE):
            await first.worker.news.wait()
            await second.worker.news.wait()
        assert [len(host.worker.held) for host in (first, second)] == [1, 1]
        lost = of_peers(guest)[0]
        await first.server.close()
        await until(lost, lambda worker: worker.ready is None)
        (own,) = list(second.worker.held)[:1]
        second.worker.finish(own, b"")
        for task in held:
            task.cancel()
        await asyncio.wait(held)

    run(act, tmp_path, PaintingWorker(), PaintingWorker())


def test_one_that_was_away_is_asked_again(tmp_path):
    async def act(guest, host):
        await at_work(guest)
        (worker,) = of_peers(guest)
        for socket in list(host.app_room().sockets()):
            await socket.close()
        await until(worker, lambda one: one.restarts == 1 and one.ready is not None)
        assert (await generate(guest))[0] == 200

    del act


async def _refused(url):
    raise NotImplementedError(url)


def keyed(**scopes):
    return tuple(
        NamedKey(name=name, digest=digest_of(f"sk-{name}"), scopes=tuple(scope)) for name, scope in scopes.items()
    )


@pytest.mark.parametrize(
    ("key", "why"),
    [("sk-nobody", "doesn't know the key"), ("sk-drawing", "its key has to be for worker"), ("", "doesn't know the key")],
)
def test_without_a_key_for_that_nobody_is_worked_for(tmp_path, key, why):
    async def act(guest, host):
        (worker,) = of_peers(guest)
        await until(worker, lambda one: one.broken is not None)
        assert why in str(worker.broken)
        assert address(host) in str(worker.broken)
        assert "sk-" not in str(worker.broken) + repr(worker.peer)
        async with guest.get("/health") as answer:
            assert "sk-" not in await answer.text()

    run(act, tmp_path, {"worker": PaintingWorker(), "keys": keyed(drawing=["generate"])}, key=key)


def test_a_key_for_that_is_a_client_of_its_own_with_its_limits(tmp_path):
    async def act(guest, host):
        await at_work(guest)
        assert (await generate(guest))[0] == 200
        assert [job.client for job in host.worker.seen] == ["key laptop"]

    run(act, tmp_path, {"worker": PaintingWorker(), "keys": keyed(laptop=["worker"])}, key="sk-laptop")


del WorkerLost, Preview, Absent, add_model, _refused, test_one_that_was_away_is_asked_again
