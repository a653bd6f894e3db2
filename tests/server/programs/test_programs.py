"""Programs that people use, whole and unmodified, beside a server: each where a variable says where it is installed.

    IMAGINE_TEST_SILLYTAVERN=.../node_modules/sillytavern      npm install sillytavern, 1.19.0
    IMAGINE_TEST_OPEN_WEBUI=.../bin/python                     pip install open-webui, 0.12.4, in a place of its own
    IMAGINE_TEST_IMAGE_GENERATION_MCP=.../bin/python           pip install "image-generation-mcp[openai]", 1.12.1
    IMAGINE_TEST_LITELLM=.../bin/python                        pip install litellm langchain-openai, 1.110.2 and 1.7.4

What they asked stands in `test_recorded.py`, which needs none of them.
"""

import asyncio
import base64
import contextlib
import json
import os
from pathlib import Path

import aiohttp
import pytest

from imagine.server.a1111.dialect import A1111
from imagine.server.http.dialect import SPOKEN
from tests.clients import python_with
from tests.ports import kept_port
from tests.server.comfy.graphs import text_graph
from tests.server.openai.painting import KEY, PaintingWorker, opened, png
from tests.server.served import serving

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
PATIENCE = aiohttp.ClientTimeout(total=600)
TOLD = {"prompt": "a fox", "negative_prompt": "fog", "width": 64, "height": 96, "steps": 9, "cfg_scale": 3, "seed": 7}


@contextlib.asynccontextmanager
async def running(*command, says, **environ):
    """The program, from when it has written a line with `says` in it."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(os.environ) | environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    lines = []
    try:
        async for line in process.stdout:
            lines.append(line.decode(errors="replace"))
            if says in lines[-1]:
                break
        else:
            raise AssertionError("".join(lines))
        draining = asyncio.ensure_future(process.stdout.read())
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    await draining


async def once_healthy(client):
    """Returns once the program answers, which this one writes no line of."""
    while True:
        with contextlib.suppress(aiohttp.ClientConnectionError):
            return await said(client, "/health", method="GET")
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def our_server(folder):
    """A server that is looked for where it is, as if that were AUTOMATIC1111's and Draw Things' port."""
    async with serving(folder, worker=PaintingWorker()) as served:
        spoken = served.app[SPOKEN]
        spoken[spoken.index(A1111)] = A1111._replace(ports=(served.port,))
        yield served, f"http://127.0.0.1:{served.port}"


async def said(client, path, body=None, *, method="POST", status=200):
    async with client.request(method, path, json=body) as answer:
        data = await answer.read()
        assert answer.status == status, data
        return json.loads(data) if answer.content_type == "application/json" else data


def told_of(job):
    params = job.params
    return params.prompt, params.neg, params.width, params.height, params.num_steps, params.seed, params.sampler


def test_sillytavern(tmp_path):
    package = os.environ.get("IMAGINE_TEST_SILLYTAVERN") or pytest.skip("needs SillyTavern's npm package")

    async def go():
        with kept_port() as port:
            flags = {
                "--port": port, "--dataRoot": tmp_path / "data", "--configPath": tmp_path / "config.yaml",
                "--browserLaunchEnabled": "false", "--whitelist": "false", "--disableCsrf": "true",
            }  # fmt: skip
            command = ("node", f"{package}/server.js", *(str(each) for flag in flags.items() for each in flag))
        async with (
            running(*command, says="Go to: "),
            our_server(tmp_path) as (served, url),
            aiohttp.ClientSession(f"http://127.0.0.1:{port}/api/sd/", timeout=PATIENCE) as tavern,
        ):
            await as_auto(tavern, served, {"url": url, "auth": ""})
            await as_sdcpp(tavern, served, {"url": url})
            await as_drawthings(tavern, served, {"url": url, "auth": ""})
            await as_comfy(tavern, served, {"url": url})

    async def as_auto(tavern, served, at):
        assert await said(tavern, "ping", at) == b"OK"
        (model,) = await said(tavern, "models", at)
        assert model["value"].startswith("fox.safetensors")
        assert await said(tavern, "set-model", at | {"model": model["value"]}) == b"OK"
        assert (await said(tavern, "get-model", at)).decode().startswith("fox.safetensors")
        assert {"Euler a", "DPM++ 2M"} <= {*await said(tavern, "samplers", at)}
        assert {"karras", "automatic"} <= {*await said(tavern, "schedulers", at)}
        assert (await said(tavern, "upscalers", at))[:2] == ["None", "Latent"]
        drawn = await said(tavern, "generate", at | TOLD | {"sampler_name": "Euler a", "scheduler": "Karras"})
        assert opened(base64.b64decode(drawn["images"][0])).size == (64, 96)
        assert told_of(served.worker.seen[-1]) == ("a fox", "fog", 64, 96, 9, 7, "euler a")

    async def as_sdcpp(tavern, served, at):
        assert await said(tavern, "sdcpp/ping", at) == b"OK"
        assert "fox" in [each["id"] for each in (await said(tavern, "sdcpp/models", at))["data"]]
        body = at | TOLD | {"model": "fox", "batch_size": 1, "sampler_name": "euler_a", "scheduler": "karras"}
        drawn = await said(tavern, "sdcpp/generate", body)
        assert opened(base64.b64decode(drawn["images"][0])).size == (64, 96)
        first, second = served.worker.seen[-2:]
        assert first.params == second.params, "what `auto` asked for"

    async def as_drawthings(tavern, served, at):
        assert await said(tavern, "drawthings/ping", at) == b"OK"
        assert (await said(tavern, "drawthings/get-model", at)).decode().startswith("fox.safetensors")
        drawn = await said(tavern, "drawthings/generate", at | TOLD | {"sampler_name": "DPM++ 2M Karras"})
        assert opened(base64.b64decode(drawn["images"][0])).size == (64, 96)
        assert told_of(served.worker.seen[-1]) == ("a fox", "fog", 64, 96, 9, 7, "dpm++ 2m")

    async def as_comfy(tavern, served, at):
        assert await said(tavern, "comfy/ping", at) == b"OK"
        assert [each["text"] for each in await said(tavern, "comfy/models", at)] == ["fox"]
        assert "euler_ancestral" in await said(tavern, "comfy/samplers", at)
        workflow = (Path(package) / "default/content/Default_Comfy_Workflow.json").read_text()
        told = TOLD | {
            "model": "fox.safetensors", "sampler": "euler_ancestral", "scheduler": "karras", "scale": TOLD["cfg_scale"]
        }  # fmt: skip
        for name, value in told.items():
            workflow = workflow.replace(f'"%{name}%"', json.dumps(value))
        drawn = await said(tavern, "comfy/generate", at | {"prompt": f'{{"prompt": {workflow}}}'})
        assert (drawn["format"], opened(base64.b64decode(drawn["data"])).size) == ("png", (64, 96))
        assert told_of(served.worker.seen[-1]) == ("a fox", "fog", 64, 96, 9, 7, "euler a")

    asyncio.run(go())


def test_open_webui(tmp_path):
    python = Path(os.environ.get("IMAGINE_TEST_OPEN_WEBUI") or pytest.skip("needs Open WebUI"))
    environ = {
        "DATA_DIR": f"{tmp_path}/data", "WEBUI_AUTH": "False", "WEBUI_SECRET_KEY": "any", "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "openai", "RAG_OPENAI_API_KEY": "any",
        "ENABLE_OLLAMA_API": "false", "ENABLE_OPENAI_API": "false", "ENABLE_IMAGE_GENERATION": "true",
        "PYTHONPATH": "", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    (tmp_path / "data").mkdir()
    usual = {"IMAGE_SIZE": "64x96", "IMAGE_STEPS": 9, "ENABLE_IMAGE_GENERATION": True, "ENABLE_IMAGE_EDIT": True}

    async def go():
        with kept_port() as port:
            command = (str(python.parent / "open-webui"), "serve", "--host", "127.0.0.1", "--port", str(port))
        base = f"http://127.0.0.1:{port}/"
        async with running(*command, says="Started server process", **environ):
            async with aiohttp.ClientSession(base, timeout=PATIENCE) as client:
                await once_healthy(client)
                owner = {"email": "admin@localhost", "password": "admin"}
                key = (await said(client, "/api/v1/auths/signin", owner))["token"]
            named = {"Authorization": f"Bearer {key}"}
            async with (
                our_server(tmp_path) as (served, url),
                aiohttp.ClientSession(base, headers=named, timeout=PATIENCE) as client,
            ):
                await by_engines(client, served, url)

    async def drawn(client):
        body = {"prompt": "a fox", "negative_prompt": "fog", "n": 1}
        (file,) = await said(client, "/api/v1/images/generations", body)
        return opened(await said(client, file["url"], method="GET")).size

    async def by_engines(client, served, url):
        config = await said(client, "/api/v1/images/config", method="GET")

        async def engine(**told):
            await said(client, "/api/v1/images/config/update", config | usual | told)

        await engine(
            IMAGE_GENERATION_ENGINE="automatic1111",
            AUTOMATIC1111_BASE_URL=url,
            IMAGE_GENERATION_MODEL="fox.safetensors",
        )
        assert "fox" in str(await said(client, "/api/v1/images/models", method="GET"))
        assert await drawn(client) == (64, 96)
        assert told_of(served.worker.seen[-1])[:5] == ("a fox", "fog", 64, 96, 9)
        at = {"IMAGES_OPENAI_API_BASE_URL": f"{url}/v1", "IMAGES_OPENAI_API_KEY": KEY}
        at |= {"IMAGES_EDIT_OPENAI_API_BASE_URL": f"{url}/v1", "IMAGES_EDIT_OPENAI_API_KEY": KEY}
        await engine(
            IMAGE_GENERATION_ENGINE="openai", IMAGE_GENERATION_MODEL="fox", IMAGE_EDIT_ENGINE="openai",
            IMAGE_EDIT_MODEL="fox", IMAGE_EDIT_SIZE="64x96", **at,
        )  # fmt: skip
        assert await drawn(client) == (64, 96)
        photo = "data:image/png;base64," + base64.b64encode(png()).decode()
        (file,) = await said(client, "/api/v1/images/edit", {"image": photo, "prompt": "an owl"})
        assert opened(await said(client, file["url"], method="GET")).size == (64, 96)
        assert (served.worker.seen[-1].params.prompt, bool(served.worker.seen[-1].img)) == ("an owl", True)
        nodes = [
            {"type": kind, "key": key, "node_ids": [node]}
            for kind, key, node in (
                ("model", "ckpt_name", "4"), ("prompt", "text", "6"), ("negative_prompt", "text", "7"),
                ("width", "width", "5"), ("height", "height", "5"), ("steps", "steps", "3"), ("seed", "seed", "3"),
            )
        ]  # fmt: skip
        await engine(
            IMAGE_GENERATION_ENGINE="comfyui", COMFYUI_BASE_URL=url, COMFYUI_WORKFLOW=json.dumps(text_graph()),
            COMFYUI_WORKFLOW_NODES=nodes, IMAGE_GENERATION_MODEL="fox.safetensors",
        )  # fmt: skip
        assert await drawn(client) == (64, 96)
        assert told_of(served.worker.seen[-1])[:5] == ("a fox", "fog", 64, 96, 9)

    asyncio.run(go())


async def printed(python, script, *arguments):
    """What a script writes, as JSON."""
    process = await asyncio.create_subprocess_exec(
        python, str(HERE / script), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=dict(os.environ) | {"PYTHONPATH": ""},
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE.total):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out.splitlines()[-1])


def test_an_image_server_of_agents_pointed_at_us(tmp_path):
    python = python_with("image-generation-mcp")

    async def go():
        async with our_server(tmp_path) as (served, url):
            seen = await printed(python, "image_mcp.py", url)
            assert {"openai", "sd_webui"} <= {*seen["providers"]}
            assert seen["pictures"] == {"sd_webui": [768, 768], "openai": [1024, 1024]}
            by_webui, by_openai = served.worker.seen
            assert told_of(by_webui)[:3] == ("a fox", "fog", 768)
            assert by_openai.params.prompt.startswith("a fox")

    asyncio.run(go())


def test_langchain_and_litellm(tmp_path):
    python = python_with("litellm")

    async def go():
        async with our_server(tmp_path) as (served, url):
            seen = await printed(python, "libraries.py", url)
            assert seen["langchain"] == {"sizes": [[64, 96], [64, 96]], "kinds": ["image"]}
            assert (served.worker.seen[1].params.prompt, bool(served.worker.seen[1].img)) == ("a fox, at night", True)
            assert seen["litellm"] == {"generation": [64, 96], "edit": [64, 96], "azure": [64, 96]}
            assert seen["responses"] == ["image_generation_call"]

    asyncio.run(go())
