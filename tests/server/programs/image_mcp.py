"""What another's image server draws that is pointed at ours and asked by the protocol's own client, as JSON:
`image_mcp.py URL`, run by a Python that has image-generation-mcp."""

import asyncio
import base64
import io
import json
import os
import sys
import tempfile
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from PIL import Image

URL = sys.argv[1]
POLLS = 10_000


async def drawn(session, provider):
    """The size of what it draws, in pixels: it answers at once, and is asked again until it is done."""
    asked = {"prompt": "a fox", "negative_prompt": "fog", "provider": provider, "aspect_ratio": "1:1"}
    began = json.loads((await session.call_tool("generate_image", asked)).content[0].text)
    for _ in range(POLLS):
        said = (await session.call_tool("check_generation_status", {"image_id": began["image_id"]})).content[0].text
        if json.loads(said)["status"] != "generating":
            break
    (content,) = (await session.read_resource(began["original_uri"])).contents
    return Image.open(io.BytesIO(base64.b64decode(content.blob))).size


async def main(folder):
    environ = dict(os.environ) | {
        "IMAGE_GENERATION_MCP_SD_WEBUI_HOST": URL, "IMAGE_GENERATION_MCP_OPENAI_API_KEY": "any",
        "OPENAI_BASE_URL": f"{URL}/v1", "IMAGE_GENERATION_MCP_SCRATCH_DIR": folder,
        "IMAGE_GENERATION_MCP_READ_ONLY": "false",
    }  # fmt: skip
    command = str(Path(sys.executable).with_name("image-generation-mcp"))
    server = StdioServerParameters(command=command, args=["serve"], env=environ)
    async with stdio_client(server) as (reads, writes), ClientSession(reads, writes) as session:
        await session.initialize()
        providers = json.loads((await session.call_tool("list_providers", {})).content[0].text)["providers"]
        pictures = {provider: await drawn(session, provider) for provider in ("sd_webui", "openai")}
        print(json.dumps({"providers": [*providers], "pictures": pictures}))


with tempfile.TemporaryDirectory() as scratch:
    asyncio.run(main(scratch))
