"""What signing costs: milliseconds of a picture by format, of a replay, of one made of another; and memory.

    python -m bench.provenance [--rounds 40] [--pictures 40] [--crowd 8]

Signed are 512 × 512 pictures as a worker makes them, by the gateway's own `Signing`, whose process for what was made
of another picture is a real one. Then a server with the shipped model draws the same pictures for a crowd, with
signatures and without, in turn: the gateway's memory, how long each took, and whether they are the same. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil
from PIL import Image

from imagine.pictures import images
from imagine.pictures.canonical import canonical
from imagine.pictures.looking.decoder import Decoder
from imagine.pictures.looking.origins import ingredient
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
                f"{name}, painted": lambda data: signing.cuts(data, made, ""),
                f"{name}, the same again": lambda data: signing.cuts(data, made, ""),
            }
            for kind, sign in kinds.items():
                await told(kind, files, sign)
        others = pictures("image/png", 2 * rounds)[rounds:]
        await told("PNG, made of a JPEG", others, lambda data: signing.cuts(data, edited, "", [ingredient(source)]))
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
    print(f"| {kind} | {statistics.median(rest):.2f} | {min(rest):.2f} | {max(rest):.2f} | {first:.1f} |")


class Drawn(NamedTuple):
    """What a server did: the gateway's MB after a first picture and behind all, milliseconds of each, the pictures."""

    before: float
    after: float
    took: list[float]
    pictures: list[bytes]


def drawn(home: Path, count: int, crowd: int, *flags: str) -> Drawn:
    """`count` pictures by a new server, asked for by so many at a time."""
    with Tree(Path()).server(home, *flags) as server, ThreadPoolExecutor(crowd) as askers:
        gateway = psutil.Process(server.daemon.process.pid)

        def one(seed: int) -> tuple[float, bytes]:
            begun = time.perf_counter()
            said = {"prompt": PROMPT, "num_steps": 2, "model": "toybox", "seed": seed, "width": 128, "height": 128}
            answer = server.ask("/generate", said)
            return (time.perf_counter() - begun) * 1000, base64.b64decode(answer["img"])

        one(0)
        before = gateway.memory_info().rss / 1e6
        made = list(askers.map(one, range(1, count + 1)))
        return Drawn(before, gateway.memory_info().rss / 1e6, [took for took, _ in made], [data for _, data in made])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--crowd", type=int, default=8)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(
            "| signed, 512 × 512 | median, ms | least, ms | most, ms | the first, ms |\n| --- | --- | --- | --- | --- |"
        )
        asyncio.run(signed(Path(folder), said.rounds))
        print("\n| server | gateway after 1 picture, MB | after more, MB | a picture in the crowd, median ms |")
        print("| --- | --- | --- | --- |")
        seen = []
        for name, flags in (("signing", ()), ("--no-provenance", ("--no-provenance",))) * 2:
            did = drawn(Path(folder) / name, said.pictures, said.crowd, *flags)
            print(f"| {name} | {did.before:.1f} | {did.after:.1f} | {statistics.median(did.took):.0f} |")
            seen.append([pixels(data) for data in did.pictures])
        same = sum(len(set(each)) == 1 for each in zip(*seen, strict=True))
        print(f"\n{same} of {said.pictures} pictures have the same pixels in all four")


def pixels(data: bytes) -> bytes:
    """Of a file; its recipe also says in which company it was drawn."""
    return Image.open(io.BytesIO(canonical(data))).tobytes()


if __name__ == "__main__":
    main()
