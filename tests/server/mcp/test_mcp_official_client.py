"""The protocol's own Python client (`mcp` 2.3), unmodified, over HTTP in both forms and over `imagine mcp`.

It is found where IMAGINE_TEST_MCP names a Python that has it, else in this one.
"""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path

from tests.clients import python_with
from tests.server.openai.painting import opened, png, with_server

SCRIPT = Path(__file__).parent / "official.py"
PATIENCE = 240


def test_the_official_client(tmp_path):
    python = python_with("mcp")
    folder = tmp_path / "shared"
    folder.mkdir()
    picture = folder / "fox.png"
    picture.write_bytes(png((96, 64)))

    async def act(url, served):
        base = url.removesuffix("/v1")
        asked = [str(SCRIPT), f"{base}/mcp", sys.executable, base, str(folder), str(picture)]
        said = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        process = await asyncio.create_subprocess_exec(
            python, *asked, env=said, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        for way, seen in json.loads(out).items():
            assert seen["tools"] == ["generate_image", "edit_image", "get_image", "list_models", "cancel_job"]
            assert seen["kinds"][:3] == ["text", "image", "resource_link"]
            assert seen["told"][-1] == [4, 4], way
            assert opened(base64.b64decode(seen["picture"])).size == (64, 64)
            assert seen["edited"] == (96 if way == "stdio" else 64), "as wide as what it changes"
            assert seen["refused"][0] is True
            assert (seen["cancelled"], seen["models"][0]["name"]) == ({"cancelled": seen["job"]}, "fox")
            if way == "stdio":
                assert Path(seen["path"]).read_bytes() == base64.b64decode(seen["whole"])
                assert Path(seen["path"]).parent == folder
                assert "only files in" in seen["refused"][1]

    with_server(tmp_path, act)
