"""Ollama's own Python client, unchanged, against a running server."""

import asyncio
import base64
import contextlib
import io

import pytest
from PIL import Image

from imagine.server.serve import serve
from imagine.settings.settings import Settings
from tests.server.served import PATIENCE, PromptedWorker, add_model

ollama = pytest.importorskip("ollama")


def using(folder, act, **said):
    """Runs `act(client, worker)` on a thread with the client's defaults but for the address."""

    async def go():
        add_model(folder, "fox")
        stop, urls, worker = asyncio.Event(), asyncio.get_running_loop().create_future(), PromptedWorker()
        settings = Settings(home=folder, host="127.0.0.1", port=0, **said)
        server = asyncio.ensure_future(serve(settings, workers=[worker], ready=urls.set_result, stop=stop))
        async with asyncio.timeout(PATIENCE):
            client = ollama.Client(host=(await urls)[0])
            try:
                with contextlib.closing(client._client):
                    return await asyncio.to_thread(act, client, worker)
            finally:
                stop.set()
                await server

    return asyncio.run(go())


def test_a_picture_step_by_step(tmp_path):
    def act(client, worker):
        options = {"seed": 7}
        return list(client.generate("fox", "a fox", width=512, height=512, steps=3, options=options, stream=True))

    said = using(tmp_path, act)
    assert [(line.completed, line.total) for line in said if line.total] == [(1, 3), (2, 3), (3, 3)]
    assert [line.done for line in said].count(True) == 1
    assert said[-1].done_reason == "stop"
    assert base64.b64decode(said[-1].image) == b"png of seed 7"
    assert said[-1].total_duration > 0


def test_a_picture_at_once(tmp_path):
    def act(client, worker):
        answer = client.generate("fox", "a fox", options={"seed": 9})
        return answer, worker.seen[0]

    answer, job = using(tmp_path, act)
    assert base64.b64decode(answer.image) == b"png of seed 9"
    assert (answer.model, answer.done) == ("fox", True)
    assert job.params.fit == "scale"


def test_a_picture_from_a_picture(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    photo = tmp_path / "photo.png"
    photo.write_bytes(file.getvalue())

    def act(client, worker):
        for image in (file.getvalue(), str(photo), base64.b64encode(file.getvalue()).decode()):
            client.generate("fox", "a fox", images=[image])
        return [job.img for job in worker.seen]

    assert using(tmp_path, act) == [file.getvalue()] * 3


def test_models_are_loaded_shown_and_let_go(tmp_path):
    def act(client, worker):
        assert client.generate("fox").done_reason == "load"
        assert client.generate("fox", keep_alive=0).done_reason == "unload"
        assert "fox" in [model.model for model in client.list().models]
        assert client.show("fox").capabilities == ["image"]
        assert client.ps().models == []
        return worker.loaded, worker.unloaded

    assert using(tmp_path, act) == (["fox"], ["fox"])


def test_its_errors_carry_our_sentence_and_status(tmp_path):
    def act(client, worker):
        with pytest.raises(ollama.ResponseError) as missing:
            client.generate("owl", "a fox")
        with pytest.raises(ollama.ResponseError) as late:
            list(client.generate("fox", "fail OutOfMemory", stream=True))
        return missing.value, late.value

    missing, late = using(tmp_path, act)
    assert missing.status_code == 404
    assert missing.error.startswith("model 'owl' not found; this server draws pictures and answers no text")
    assert late.error == "no picture this time"


def test_a_model_that_is_here_is_pulled(tmp_path):
    def act(client, worker):
        lines = list(client.pull("fox:latest", stream=True))
        assert [line.status for line in lines[::4]] == ["pulling manifest", "success"]
        assert lines[1].completed == lines[1].total > 0
        assert lines[1].digest.startswith("sha256:")
        assert client.pull("fox").status == "success"
        with pytest.raises(ollama.ResponseError, match="is no name of the catalogue") as missing:
            client.pull("llama3.2")
        return missing.value.status_code

    assert using(tmp_path, act) == 404


def test_what_is_no_picture_is_told(tmp_path):
    def act(client, worker):
        for ask in (
            lambda: client.chat("llama3", [{"role": "user", "content": "hello"}]),
            lambda: client.embed("x", "y"),
        ):
            with pytest.raises(ollama.ResponseError, match="draws pictures and nothing else; use POST /api/generate"):
                ask()
        with pytest.raises(ollama.ResponseError, match="models are not sent away from here"):
            client.push("fox")

    using(tmp_path, act)


def test_the_asynchronous_client(tmp_path):
    def act(client, worker):
        async def ask():
            other = ollama.AsyncClient(host=str(client._client.base_url))
            async with other._client:
                stream = await other.generate("fox", "a fox", steps=2, stream=True)
                return [line async for line in stream]

        return asyncio.run(ask())

    assert using(tmp_path, act)[-1].image
