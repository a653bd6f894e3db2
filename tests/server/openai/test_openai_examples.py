"""Calls that people have in their code for hosted services, as they are written there; only the address is another."""

import asyncio
import base64
import json
import shutil
import urllib.request

import pytest

from imagine.asking.aliases import Aliases
from imagine.settings.settings import settings_from
from tests.server.openai.painting import KEY, opened, png, with_client, with_server

SERVER = {"model": "fox", "api_key": KEY, "aliases": Aliases({"flux-dev-1.1": "fox"})}
PRESETS = """
presets:
  disney_style: {prompt_suffix: animated film still}
  watercolor_family:
    prompt_suffix: soft watercolour
    negative_prompt: photo, text
    cfg_scale: 6.5
    steps: 28
  family_friendly: {prompt_suffix: cheerful}
"""


def server(**said):
    return SERVER | {"presets": settings_from(environ={}, config=PRESETS)[0].presets} | said


def downloaded(url):
    with urllib.request.urlopen(url, timeout=240) as answer:
        return opened(answer.read())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(tmp_path):
    bodies = [
        {"model": "dall-e-3", "prompt": "a cosy coffee house in art-deco style, warm light", "size": "1024x1024"}
        | {"quality": "hd"},
        {"model": "yandexgpt/yandex-art", "prompt": "a cosy coffee house in art-deco style, warm light"},
    ]

    async def act(url, served):
        for body in bodies:
            command = ["curl", "-sS", f"{url}/images/generations", "-H", "Content-Type: application/json"]
            command += ["-H", f"Authorization: Bearer {KEY}", "-d", json.dumps(body)]
            running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            said = json.loads((await running.communicate())[0])
            assert set(said["data"][0]) >= {"url", "b64_json", "revised_prompt"}
            size = (await asyncio.to_thread(downloaded, said["data"][0]["url"])).size
            assert size == ((1024, 1024) if "size" in body else (512, 512))

    with_server(tmp_path, act, **server())


def test_the_python_client_by_url_and_in_the_answer(tmp_path):
    def act(client, served):
        prompt = "a cosy coffee house in art-deco style, warm light"
        response = client.images.generate(model="dall-e-3", prompt=prompt, size="1024x1024", quality="hd", n=1)
        assert downloaded(response.data[0].url).size == (1024, 1024)
        assert served.worker.seen[-1].params.num_steps == 40
        response = client.images.generate(model="dall-e-3", prompt=prompt, response_format="b64_json")
        assert opened(base64.b64decode(response.data[0].b64_json)).format == "PNG"

    with_client(tmp_path, act, **server())


def test_the_python_client_with_extensions(tmp_path):
    reference = base64.b64encode(png((256, 256))).decode()

    def act(client, served):
        response = client.images.generate(
            model="flux-dev-1.1", prompt="a family at the sea", size="1024x1024", quality="standard", n=1,
            extra_body={"reference_images": [reference], "style_preset": "disney_style"},
        )  # fmt: skip
        assert downloaded(response.data[0].url).size == (1024, 1024)
        assert response.revised_prompt == "a family at the sea, animated film still"
        assert response.model == "fox"

        response = client.images.generate(
            prompt="a family at the sea",
            extra_body={"style_preset": "watercolor_family", "reference_images": [reference]},
        )
        assert (response.steps, response.guidance_scale, response.negative_prompt) == (28, 6.5, "photo, text")

        response = client.images.generate(
            prompt="a family at the sea",
            extra_body={"seed": 12345, "reference_images": [reference], "style_preset": "family_friendly"},
        )
        kept = response.seed
        again = client.images.generate(prompt="a family in the hills", extra_body={"seed": kept})
        assert again.seed == kept == "12345"

    with_client(tmp_path, act, **server())


def test_a_php_client(tmp_path):
    """`$client->images()->create([...])` sends such a request; it reads `created`, and of each item `url`."""

    async def act(url, served):
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Accept": "application/json"}
        body = {"model": "flux-dev-1.1", "prompt": "a family at the sea", "size": "1024x1024"}
        async with served.post("/v1/images/generations", json=body, headers=headers) as answer:
            said = await answer.json()
        assert answer.content_type == "application/json"
        assert isinstance(said["created"], int)
        assert (await asyncio.to_thread(downloaded, said["data"][0]["url"])).size == (1024, 1024)

    with_server(tmp_path, act, **server())


def test_refusals_look_as_they_did(tmp_path):
    async def act(url, served):
        headers = {"Authorization": f"Bearer {KEY}"}
        body = {"model": "dall-e-3", "prompt": "x", "size": "12"}
        async with served.post("/v1/images/generations", json=body, headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["type"] == "invalid_request_error"
        body = {"model": "dall-e-3", "prompt": "forbidden things"}
        async with served.post("/v1/images/generations", json=body, headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["code"] == "content_policy_violation"

    with_server(tmp_path, act, **server(blocked_terms=("forbidden",)))
