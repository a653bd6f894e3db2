"""Several devices behind one server: which workers there are, and how each is told of."""

import asyncio
import sys
from pathlib import Path

import pytest

from imagine.dispatch.pool import Pool
from imagine.dispatch.process import ProcessWorker
from imagine.messages import in_english
from imagine.processes import cores
from imagine.server.gateway import own_worker
from imagine.server.gateway.own_worker import others_of, own_workers
from imagine.settings.settings import Settings, settings_from
from imagine.words.frames import Ready, ResidentModel, Room, Stats, WorkerSettings
from tests.server.served import PromptedWorker, ask

FAKE = [sys.executable, str(Path(__file__).parents[1] / "worker/fake_worker.py")]


def told(device, **said):
    """What each worker is told, for such a setting."""
    settings, _ = settings_from({"device": device, **said}, {})
    return [(worker.place, worker._settings) for worker in own_workers(settings)]


@pytest.mark.parametrize("device", ["auto", "all", "cpu", "cuda:1", "mps"])
def test_one_device_is_one_worker_that_nothing_new_is_told(device):
    ((place, settings),) = told(device)
    assert (place, settings.device) == (device, device)
    assert (settings.cores, settings.threads, settings.sharers) == ((), None, 1)


def test_workers_of_the_cpu_have_a_share_of_it_each_and_gpus_all(monkeypatch):
    monkeypatch.setattr(cores, "ours", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(cores, "shared_out", lambda processors, count: [(0, 1), (2, 3)])
    workers = told([" cpu", "cuda:0", "cpu"], memory="1GB")
    assert [place for place, _ in workers] == ["cpu:0", "cuda:0", "cpu:1"]
    assert [settings.cores for _, settings in workers] == [(0, 1), (), (2, 3)]
    assert [settings.sharers for _, settings in workers] == [2, 1, 2]
    monkeypatch.setattr(cores, "ours", list)
    monkeypatch.setattr(cores, "shared_out", lambda processors, count: [()] * count)
    monkeypatch.setattr("os.cpu_count", lambda: 9)
    assert [settings.threads for _, settings in told("cpu,cpu")] == [4, 4]


@pytest.mark.parametrize(
    ("device", "first", "others"),
    [
        ("all", Ready(device="cuda:0", room=Room(memory=1, others=2)), ["cuda:1", "cuda:2"]),
        ("all", Ready(device="cpu", room=Room(memory=1)), []),
        ("all", Ready(device="mps"), []),
        ("auto", Ready(device="cuda", room=Room(memory=1, others=2)), []),
    ],
)
def test_the_first_worker_tells_of_the_others(device, first, others):
    assert [worker.place for worker in others_of(Settings(device=device), first)] == others


def test_others_of_all_devices_join_once_the_first_is_ready(monkeypatch):
    def others(settings, ready):
        return [ProcessWorker(WorkerSettings(), place=f"{ready.device}:1", command=FAKE)]

    async def act():
        pool = Pool([ProcessWorker(WorkerSettings(), command=FAKE)])
        await pool.start()
        await own_worker.bring_others(Settings(device="all"), pool)
        assert [worker.place for worker in pool.workers] == ["fake", "fake:1"]
        assert await pool.workers[1].until_ready()
        await pool.stop(0)

    monkeypatch.setattr(own_worker, "others_of", others)
    asyncio.run(act())


def test_a_recipe_takes_what_made_it_to_whoever_makes_it_again(tmp_path):
    made = {"device": "cpu", "threads": 1, "tf32": {"cudnn": True}}

    async def act(client):
        body = {"prompt": "a fox", "model": "fox", "environment": made}
        assert (await client.post("/generate", json=body)).status == 200
        assert (await client.post("/generate", json=body | {"environment": None})).status == 200
        return [job.environment for job in client.worker.seen]

    assert ask(tmp_path, act) == [{"device": "cpu", "threads": "1", "tf32": "{'cudnn': True}"}, {}]


def beside(worker, *, ready=None, broken=None, stats=None):
    worker.ready, worker.broken, worker.stats = ready, broken, stats or Stats()
    return worker


def test_each_device_is_told_of_and_one_that_is_broken_harms_no_other(tmp_path):
    room = Room(memory=100)
    gpu = beside(PromptedWorker("cuda:0"), ready=Ready(device="cuda:0", name="H200", room=room))
    lost = beside(PromptedWorker("cuda:1"), broken=in_english("can't be started: no such device"))
    lost.away = True

    async def act(client):
        digest = (await (await client.get("/models/fox")).json())["digest"]
        model = ResidentModel(name="fox", digest=digest, size=30, expires_in=5.0)
        client.worker.stats = gpu.stats = Stats(models=[model])
        client.worker.ready = Ready(device="cpu", name="x86", room=room)
        health = await (await client.get("/health")).json()
        loaded = (await (await client.get("/models/fox")).json())["loaded"]
        ollama = (await (await client.get("/api/ps")).json())["models"]
        stats = (await (await client.get("/system_stats")).json())["devices"]
        memory = (await (await client.get("/sdapi/v1/memory")).json())["cuda"]["system"]
        metrics = (await (await client.get("/metrics")).text()).splitlines()
        return health, loaded, ollama, stats, memory, metrics

    worker = PromptedWorker("cpu")
    health, loaded, ollama, stats, memory, metrics = ask(tmp_path, act, worker=worker, beside=[gpu, lost])
    assert (health["status"], health["problem"]) == ("ready", None)
    said = ("device", "name", "state", "models", "size", "memory", "elsewhere")
    assert [tuple(d[name] for name in said) for d in health["devices"]] == [
        ("cpu", "x86", "ready", 1, 30, 100, False), ("cuda:0", "H200", "ready", 1, 30, 100, False),
        ("cuda:1", "", "broken", 0, 0, None, True),
    ]  # fmt: skip
    assert health["devices"][2]["problem"] == "the worker can't be started: no such device"
    assert (loaded["size"], [(d["device"], d["size"]) for d in loaded["devices"]]) == (
        60,
        [("cpu", 30), ("cuda:0", 30)],
    )
    assert (ollama[0]["size"], ollama[0]["size_vram"]) == (60, 30)
    assert [(d["type"], d["vram_free"]) for d in stats] == [("cpu", 70), ("cuda", 70)]
    assert memory == {"free": 70, "used": 30, "total": 100}
    assert {'imagine_device_ready{device="cuda:1"} 0.0', 'imagine_device_models{device="cuda:0"} 1.0'} <= {*metrics}
