"""What signing costs: milliseconds of a picture by format, of a replay, of one made of another; and memory.

    python -m bench.provenance [--rounds 40] [--pictures 40]

Signed are 512 × 512 pictures as a worker makes them, by the gateway's own `Signing`, whose process for what was made
of another picture is a real one. Then a server with the shipped model draws the same pictures with signatures and
without, in turn: the gateway's memory before and behind them, and how long each took. Prints Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
from PIL import Image

from imagine.pictures import images
from imagine.pictures.looking.decoder import Decoder
from imagine.provenance.manifest import Provenance
from imagine.server.gateway.signing import Signing
from imagine.settings.settings import Settings
from tools.same_pictures.tree import Tree

SIDE = 512
FORMATS: dict[str, images.MediaType] = {"PNG": "image/png", "JPEG": "image/jpeg", "WebP": "image/webp"}
PROMPT = "a red house on a blue background"


def pictures(media_type: images.MediaType, count: int) -> list[bytes]:
    """As many files, each of another recipe."""
    noise = Image.effect_noise((SIDE, SIDE), 40).convert("RGB")
    return [images.encode(noise, media_type, meta={"seed": seed, "prompt": PROMPT}) for seed in range(count)]


async def signed(folder: Path, rounds: int) -> None:
    """A line a kind of picture: the median, the least and the most."""
    decoder = Decoder()
    signing = Signing(Settings(home=folder), decoder)
    source = pictures("image/jpeg", 1)[0]
    made = Provenance(model="toybox")
    edited = Provenance(how="edited", model="toybox")
    try:
        for name, media_type in FORMATS.items():
            files = pictures(media_type, rounds)
            kinds: dict[str, Callable[[bytes], Awaitable[object]]] = {
                f"{name}, painted": lambda data: signing.cuts(data, made, "", None),
                f"{name}, the same again": lambda data: signing.cuts(data, made, "", None),
            }
            for kind, sign in kinds.items():
                await told(kind, files, sign)
        others = pictures("image/png", 2 * rounds)[rounds:]
        await told("PNG, made of a JPEG", others, lambda data: signing.cuts(data, edited, "", source))
    finally:
        await decoder.stop()


async def told(kind: str, files: list[bytes], sign: Callable[[bytes], Awaitable[object]]) -> None:
    """Signs the files, one after another."""
    seconds = []
    for data in files:
        begun = time.perf_counter()
        await sign(data)
        seconds.append((time.perf_counter() - begun) * 1000)
    first, rest = seconds[0], seconds[1:]
    print(f"| {kind} | {statistics.median(rest):.2f} | {max(rest):.2f} | {first:.1f} |")


def drawn(home: Path, count: int, *flags: str) -> tuple[float, float, float]:
    """The gateway's MB before and behind `count` pictures, and the median of their milliseconds."""
    with Tree(Path()).server(home, *flags) as server:
        gateway = psutil.Process(server.daemon.process.pid)
        server.ask("/generate", {"prompt": PROMPT, "num_steps": 1, "model": "toybox", "seed": 0})
        before, seconds = gateway.memory_info().rss / 1e6, []
        for seed in range(1, count + 1):
            begun = time.perf_counter()
            server.ask("/generate", {"prompt": PROMPT, "num_steps": 1, "model": "toybox", "seed": seed})
            seconds.append(time.perf_counter() - begun)
        return before, gateway.memory_info().rss / 1e6, statistics.median(seconds) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=40)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("| signed, 512 × 512 | median, ms | most, ms | the first, ms |\n| --- | --- | --- | --- |")
        asyncio.run(signed(Path(folder), said.rounds))
        print("\n| server | gateway after 1 picture, MB | after more, MB | a picture, ms |\n| --- | --- | --- | --- |")
        for name, flags in (("signing", ()), ("--no-provenance", ("--no-provenance",))) * 2:
            before, after, took = drawn(Path(folder) / name, said.pictures, *flags)
            print(f"| {name} | {before:.1f} | {after:.1f} | {took:.1f} |")


if __name__ == "__main__":
    main()
