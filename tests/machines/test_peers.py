"""Servers that work for each other: pictures, previews, cancelling, keys, and the loss of one."""

import asyncio
import base64
import json

import pytest

from imagine.messages import message
from tests.machines.peering import address, at_work, keyed, of_peers, peers, until
from tests.server.openai.painting import PaintingWorker, opened
from tests.server.served import PATIENCE


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
        assert len([line for line in lines if "img" in line]) == 3, "two previews, and the picture"
        assert "meta" in lines[-1]

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


def test_one_that_was_away_is_asked_again_and_loses_nothing(tmp_path):
    """Its jobs are made again where somebody has the model: here by itself, once it is back."""

    async def act(guest, host):
        await at_work(guest)
        (worker,) = of_peers(guest)
        asking = asyncio.create_task(generate(guest, "hold"))
        async with asyncio.timeout(PATIENCE):
            await host.worker.news.wait()
        host.worker.news.clear()
        worker._last.kill(message("lost.killed", signal="x"))  # as if its cable were pulled
        async with asyncio.timeout(PATIENCE):
            while len(host.worker.seen) < 2:
                await host.worker.news.wait()
                host.worker.news.clear()
        assert worker.restarts == 1
        assert len(host.worker.held) == 1, "the one of before was taken back there when its connection went"
        asking.cancel()
        await asyncio.wait([asking])

    run(act, tmp_path, PaintingWorker())


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("sk-nobody", "doesn't know the key"),
        ("sk-drawing", "its key has to be for worker"),
        ("", "doesn't know the key"),
    ],
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
