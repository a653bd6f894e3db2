"""OpenAI's official Node client, unchanged, against a running server."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server.openai.painting import KEY, opened, png, with_server

HERE = Path(__file__).parent / "node"
PATIENCE = 240


@pytest.fixture(scope="session")
def node():
    """The node program, with the client installed beside the script."""
    return installed()


def installed() -> str:
    """The node program; the client is installed beside the script from then on. Skips the test where it can't be."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("node or npm is not installed")
    if not (HERE / "node_modules" / "openai" / "package.json").is_file():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional", "--omit=peer"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install the client: {done.stderr.strip().splitlines()[-1:]}")
    return found


@pytest.mark.slow
def test_the_node_client(tmp_path, node):
    (tmp_path / "image.png").write_bytes(png())
    (tmp_path / "mask.png").write_bytes(png(hole=(0, 0, 32, 64)))

    async def act(url, served):
        running = await asyncio.create_subprocess_exec(
            node, str(HERE / "client.mjs"), url, KEY, str(tmp_path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ | {"NODE_NO_WARNINGS": "1"},
        )  # fmt: skip
        out, errors = await running.communicate()
        assert running.returncode == 0, errors.decode()
        return json.loads(out)

    seen = with_server(tmp_path, act, api_key=KEY)
    assert seen["url"]["url"].endswith(".png")
    assert (seen["url"]["type"], seen["url"]["size"]) == ("image/png", "1024x1024")
    assert opened(base64.b64decode(seen["bytes"])).size == (1024, 1024)
    assert seen["inline"]["seed"] == "7"
    assert set(seen["azure"]["data"][0]) >= {"url", "b64_json"}
    assert (seen["azure"]["model"], seen["azureEdit"]["model"], seen["azure"]["warnings"]) == ("fox", "fox", [])
    assert opened(base64.b64decode(seen["inline"]["data"][0]["b64_json"])).size == (64, 64)
    assert (seen["edit"]["strength"], seen["edit"]["warnings"]) == (1.0, [])
    assert len(seen["several"]["data"]) == 2
    (without,) = seen["several"]["warnings"]
    assert without.startswith("image: 1 picture has no effect: no image adapter for stable_diffusion")
    assert set(seen["variation"]["data"][0]) >= {"b64_json", "seed"}
    assert [event["type"].split(".")[1] for event in seen["stream"]] == ["partial_image"] * 2 + ["completed"]
    assert [event["type"] for event in seen["editStream"]] == ["image_edit.partial_image", "image_edit.completed"]
    assert {"fox", "dall-e-3"} <= set(seen["models"])
    assert seen["model"]["id"] == "yandexgpt/yandex-art"
    refusals = seen["refusals"]
    assert {name: (said["name"], said["status"], said["code"], said["param"]) for name, said in refusals.items()} == {
        "size": ("BadRequestError", 400, "invalid_value", "size"),
        "model": ("NotFoundError", 404, "model_not_found", "model"),
        "key": ("AuthenticationError", 401, "invalid_api_key", None),
        "picture": ("BadRequestError", 400, "invalid_image_file", "image"),
        "stream": ("APIError", None, "out_of_memory", None),
    }
    assert all(said["id"] for name, said in refusals.items() if name != "stream")
