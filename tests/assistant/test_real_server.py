"""Real servers of language models, where they are installed: llama-cpp-python's, and llama.cpp's own in xllamacpp.

What they are asked is a model of random weights, so its answers mean nothing; the schema's grammar makes JSON of them.
"""

import asyncio
import base64
import importlib.util
import io
import subprocess
import sys

import pytest
from PIL import Image

from imagine.words.assistant import AssistantSettings
from tests.assistant.tiny_language_model import WORDS, write_language_model
from tests.server.served import serving

SERVERS = {
    "llama_cpp": """
import socket, sys, uvicorn
from llama_cpp.server.app import create_app
from llama_cpp.server.settings import ModelSettings, ServerSettings
own = ModelSettings(model=sys.argv[1], n_ctx=16384, n_threads=1, n_threads_batch=1, chat_format="chatml", verbose=False)
app = create_app(server_settings=ServerSettings(), model_settings=[own])
listening = socket.create_server(("127.0.0.1", 0))
print("http://127.0.0.1:%d" % listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])
""",
    "xllamacpp": """
import sys, xllamacpp
own = xllamacpp.CommonParams()
own.model.path, own.n_ctx, own.n_parallel = sys.argv[1], 16384, 1
own.cpuparams.n_threads = own.cpuparams_batch.n_threads = 1
own.hostnames, own.port, own.warmup = ["127.0.0.1"], 0, False
server = xllamacpp.Server(own)
print(server.listening_address, flush=True)
sys.stdin.read()
""",
}
"""Programs that start one with a model's file, and print where it listens."""


@pytest.fixture(params=SERVERS)
def address(request, tmp_path):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    model = write_language_model(tmp_path / "tiny.gguf")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", SERVERS[request.param], model], text=True, **pipes) as server:
        try:
            lines = iter(server.stdout.readline, "")
            yield next(line.strip() for line in lines if line.startswith("http"))
        finally:
            server.kill()


@pytest.mark.slow
def test_a_real_server_plans_a_wish_for_a_picture(tmp_path, address):
    file = io.BytesIO()
    Image.new("RGB", (96, 64), (220, 30, 30)).save(file, "PNG")
    wish = {"prompt": "make it blue", "img": base64.b64encode(file.getvalue()).decode()}

    async def act():
        settings = AssistantSettings(url=address, timeout=900.0)
        async with serving(tmp_path, assistant=settings) as client:
            async with client.post("/assist", json=wish) as answer:
                plan = await answer.json()
                assert answer.status == 200, plan
            async with client.post("/generate", json=wish | {"assist": "require"}) as answer:
                return plan, (await answer.json()), client.worker.seen[-1].params

    plan, made, params = asyncio.run(act())
    assert [note["code"] for note in plan["notes"] if note["code"].startswith("assist.un")] == ["assist.unseen"]
    assert set(plan["prompt"].replace(",", "").split()) <= set(WORDS), "each of its parts is a word"
    assert len(plan["prompt"].split()) >= 5
    assert 0.55 <= plan["strength"] <= 0.9
    assert 10 <= plan["steps"] <= 60
    assert made["revised_prompt"] == params.prompt
    assert params.prompt.startswith(plan["prompt"]), "the same wish gets the same plan, and a style around it"
