"""What a plan costs beside the language models' own time: `python -m bench.assistant [--plans 60]`.

The whole application, over HTTP, before a server of language models that answers at once. `POST /assist` takes turns
with the same picture's `POST /recipe`, a request of the same size that asks nobody: what is between the two is the
assistant's, its two questions over HTTP and, of a new picture, its being looked at and scaled. Beside what each took on
the clock stands what all of it took of a processor, the client and the server of models included: on a machine that is
busy with other things only that means something.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from aiohttp import ClientSession, web
from PIL import Image

from imagine.files import shipped
from imagine.server.serve import serve
from imagine.settings.settings import Settings
from imagine.words.assistant import AssistantSettings

SIDE = 1024
CPU = ", of a processor"
SEEN = {
    "subjects": [{"name": "house", "count": 1, "colours": ["red"], "material": "brick", "position": "centre"}],
    "background": "white", "composition": {"shot": "wide", "angle": "front", "layout": "one house"},
    "lighting": "flat", "palette": ["red", "white"], "style": "drawing", "people": False, "text_in_image": "",
}  # fmt: skip
PLAN = {
    "prompt": {"subject": "a blue house", "style": "drawing", "light": "flat", "colours": "blue", "composition": "one"},
    "negative": "", "change": "colour", "keep": [], "strength": 0.85, "steps": 25, "guidance": 6, "why": "blue",
}  # fmt: skip


async def _models(request: web.Request) -> web.Response:
    """A server of Ollama's dialect whose model answers at once."""
    match request.path:
        case "/api/version":
            return web.json_response({"version": "0"})
        case "/api/tags":
            return web.json_response({"models": [{"name": "seer", "capabilities": ["completion", "vision"]}]})
        case "/api/chat":
            asked = await request.json()
            said = SEEN if "images" in asked["messages"][1] else PLAN
            return web.json_response({"message": {"content": json.dumps(said)}, "done_reason": "stop"})
    return web.json_response({"models": []})


def photo(number: int) -> bytes:
    """Pixels that no other photo has."""
    picture = Image.effect_noise((SIDE // 8, SIDE // 8), 40).resize((SIDE, SIDE)).convert("RGB")
    picture.putpixel((0, 0), (number % 256, number // 256, 7))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


async def measured(plans: int) -> dict[str, list[float]]:
    """Milliseconds of each request, by kind; those of a processor under the same kind and `CPU`."""
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", _models)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            home=Path(folder), host="127.0.0.1", port=0, device="cpu", models=(shipped.folder(),),
            assistant=AssistantSettings(url=f"http://127.0.0.1:{port}"),
        )  # fmt: skip
        stop, urls = asyncio.Event(), asyncio.get_running_loop().create_future()
        server = asyncio.ensure_future(serve(settings, ready=urls.set_result, stop=stop))
        try:
            async with ClientSession() as session:
                return await _asked(session, (await urls)[0], plans)
        finally:
            stop.set()
            await server
            await runner.cleanup()


def processor_seconds() -> float:
    """Of this process and of those that it started and that are still there: the one that looks at pictures."""
    times = [each.cpu_times() for each in psutil.Process().children()]
    return time.process_time() + sum(each.user + each.system for each in times)


async def _asked(session: ClientSession, url: str, plans: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {}

    async def timed(kind: str, path: str, **said: Any) -> None:
        started, used = time.perf_counter(), processor_seconds()
        async with session.post(url + path, **said) as answer:
            await answer.read()
            took.setdefault(kind, []).append(1000 * (time.perf_counter() - started))
            took.setdefault(kind + CPU, []).append(1000 * max(0.0, processor_seconds() - used))

    for number in range(plans + 3):
        data = photo(number)
        wish = {"prompt": "make it blue", "model": "toybox"}
        pictured = wish | {"img": base64.b64encode(data).decode()}
        await timed("a request that asks nobody", "/recipe", data=data)
        await timed("a wish without a picture", "/assist", json=wish)
        await timed("a new picture", "/assist", json=pictured)
        await timed("the same picture again", "/assist", json=pictured)
    return {kind: each[3:] for kind, each in took.items()}


def report(took: dict[str, list[float]], write: Callable[[str], None] = print) -> None:
    """A table of medians, of what nineteen of twenty stay below, and of the processor's time."""
    write("| request | median, ms | 95 %, ms | of a processor, mean, ms |\n| --- | --- | --- | --- |")
    for kind in (kind for kind in took if not kind.endswith(CPU)):
        each, used = took[kind], statistics.mean(took[kind + CPU])
        write(f"| {kind} | {statistics.median(each):.1f} | {statistics.quantiles(each, n=20)[-1]:.1f} | {used:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=60)
    report(asyncio.run(measured(parser.parse_args().plans)))


if __name__ == "__main__":
    main()
