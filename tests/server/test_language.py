"""What a worker process says reaches the client in the client's language."""

import asyncio

import pytest

from imagine.dispatch.process import ProcessWorker
from imagine.words.frames import WorkerSettings
from tests.dispatch.test_dispatch_process import FAKE
from tests.server.served import ask, serving

NO_MEMORY = "на эту картинку не хватило памяти; выберите размер поменьше (причина не названа)"
LOST = (
    "рисующий процесс прервался: завершён сигналом SIGKILL (возможно, не хватило памяти); с этой картинкой так "
    "случилось уже во второй раз, и больше она не рисуется"
)
TILED = "не хватило памяти: VAE работал по частям картинки"


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What a server with a real worker process answers a Russian to each prompt."""

    async def go():
        worker = ProcessWorker(WorkerSettings(), command=FAKE)
        async with serving(tmp_path_factory.mktemp("home"), worker=worker) as client:
            said = {}
            for prompt in ("short of memory", "out of memory", "killed"):
                body = {"prompt": prompt, "num_steps": 2}
                async with client.post("/generate", json=body, headers={"Accept-Language": "ru"}) as answer:
                    said[prompt] = answer.status, await answer.json()
            return said

    return asyncio.run(go())


def test_a_warning_of_the_engine_is_told_in_russian(answers):
    status, answer = answers["short of memory"]
    assert (status, answer["warnings"]) == (200, [TILED])


@pytest.mark.parametrize(
    ("prompt", "status", "code", "told"),
    [("out of memory", 507, "memory.failed", NO_MEMORY), ("killed", 502, "worker.lost_again", LOST)],
)
def test_a_failure_of_the_worker_is_told_in_russian(answers, prompt, status, code, told):
    assert answers[prompt] == (status, {"error": told, "code": code})


def test_why_a_file_cannot_be_drawn_with_is_told_in_russian(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "old.ckpt").write_bytes(b"PK\x03\x04")

    async def act(client):
        async with client.get("/models", headers={"Accept-Language": "ru"}) as answer:
            (listed,) = [one for one in (await answer.json())["others"] if one["name"] == "old"]
        body = {"prompt": "fox", "model": "old"}
        async with client.post("/generate", json=body, headers={"Accept-Language": "ru"}) as answer:
            refused = await answer.json()
        why = "это pickle, а такие файлы при открытии могут запустить чужой код; переведите файл в safetensors"
        assert (listed["problem"], listed["use"]) == (why, f"нет: {why}")
        assert refused["error"] == f"модель «old» нельзя использовать: {why}"

    ask(tmp_path, act)
