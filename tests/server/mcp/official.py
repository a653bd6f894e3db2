"""What the protocol's own Python client sees of a server, as JSON: `official.py URL PYTHON ADDRESS FOLDER PICTURE`.

It is run by a Python that has the client, which brings much that nothing here needs.
"""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters


async def seen_by(server, mode, picture=None):
    told = []

    async def progress(done, total, message):
        told.append((done, total))

    async with Client(server, mode=mode) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        asked = {"prompt": "a fox", "width": 64, "height": 64, "steps": 4, "seed": "7"}
        drawn = await client.call_tool("generate_image", asked, progress_callback=progress)
        uri = drawn.structured_content["pictures"][0]["uri"]
        edited = await client.call_tool("edit_image", {"prompt": "at night", "image": picture or uri})
        read = (await client.read_resource(uri)).contents[0]
        refused = await client.call_tool("edit_image", {"prompt": "x", "image": "/etc/secret.png"})
        held = await client.call_tool("generate_image", {"prompt": "hold", "wait_seconds": 0})
        job = held.structured_content["job"]
        cancelled = await client.call_tool("cancel_job", {"job": job})
        models = await client.call_tool("list_models", {})
        changed = edited.structured_content["pictures"][0]["width"] if not edited.is_error else edited.content[0].text
        return {
            "tools": tools,
            "kinds": [part.type for part in drawn.content],
            "told": told,
            "picture": drawn.content[1].data,
            "whole": read.blob,
            "path": drawn.structured_content["pictures"][0].get("path"),
            "edited": changed,
            "refused": [refused.is_error, refused.content[0].text],
            "job": job,
            "cancelled": cancelled.structured_content,
            "models": models.structured_content["models"],
        }


async def main(url, python, address, folder, picture):
    command = ["-m", "imagine", "mcp", "-a", address, "--folder", folder]
    stdio = StdioServerParameters(command=python, args=command, env=dict(os.environ))
    ways = {"legacy": (url, "legacy"), "modern": (url, "auto"), "stdio": (stdio, "auto", picture)}
    print(json.dumps({name: await seen_by(*way) for name, way in ways.items()}))


asyncio.run(main(*sys.argv[1:]))
