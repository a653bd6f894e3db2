"""What moderation and signing cost a mixed crowd, and whether its pictures stay the same.

    python -m bench.moderation [--pictures 200] [--crowd 8] [--chunk 20] [--classifier FILE]

Two servers with the shipped model stand side by side: one that neither looks at pictures nor signs them, and one that
looks at prompts, previews and pictures under `standard`, with the shipped classifier or another, and signs. The same
mixed wishes (sizes, steps, samplers, pictures made of pictures, previews) are asked of both, in chunks, in turn, so
many at a time, and then how much memory their gateways hold. Then the plain server makes each of the other's pictures
again by its recipe: the bytes, but for the signature, have to be the same. Prints Markdown.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from PIL import Image

from imagine.pictures.canonical import canonical
from tools.same_pictures.tree import Server, Tree

PLAIN = ("--no-provenance", "--moderation", "none")
SAMPLERS = ("dpm++ 2m", "euler", "unipc", "dpm++ 2m sde")
THINGS = ("a red house", "a yellow star", "a green tree", "a blue fish", "a white cat")


def guarded(home: Path, classifier: Path | None) -> tuple[str, ...]:
    """How a server is told to look at everything; a classifier that is named lies among its models."""
    if classifier is None:
        return ("--moderation", "standard")
    models = home / ".imagine/models"
    models.mkdir(parents=True)
    shutil.copy(classifier, models)
    rules = {"policy": "standard", "pictures": {"model": classifier.stem}}
    return ("--moderation", json.dumps(rules))


class Made(NamedTuple):
    """One picture: milliseconds that its client waited, of these those of the look, and what came."""

    took: float
    looked: float
    data: bytes
    meta: dict[str, Any]


def wishes(count: int) -> Iterator[dict[str, Any]]:
    """As many, of all sorts; each has a seed of its own."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((128, 128)).convert("RGB").save(file, "PNG")
    source = base64.b64encode(file.getvalue()).decode("ascii")
    for seed in range(1, count + 1):
        side = (128, 128, 192)[seed % 3]
        wish = {"prompt": f"{THINGS[seed % 5]} on a gray background", "seed": seed, "width": side, "height": side}
        wish |= {"num_steps": 4 + seed % 5, "sampler": SAMPLERS[seed % 4], "model": "toybox"}
        wish |= {"img": source, "strength": 0.7} if seed % 7 == 0 else {}
        yield wish | ({"stream": 2} if seed % 4 == 0 else {})


def made(server: Server, wish: dict[str, Any]) -> Made:
    """One of a server's pictures."""
    begun = time.perf_counter()
    *_, last = server.lines(wish)
    took = (time.perf_counter() - begun) * 1000
    return Made(took, last["timings"].get("looking", 0.0) * 1000, base64.b64decode(last["img"]), last["meta"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--crowd", type=int, default=8)
    parser.add_argument("--chunk", type=int, default=20)
    parser.add_argument("--classifier", type=Path, help="instead of the shipped one")
    said = parser.parse_args()
    asked = list(wishes(said.pictures))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        askers = running.enter_context(ThreadPoolExecutor(said.crowd))
        start = Tree(Path()).server
        servers = {
            name: running.enter_context(start(Path(folder) / name, *flags))
            for name, flags in (("plain", PLAIN), ("guarded", guarded(Path(folder) / "guarded", said.classifier)))
        }
        for server in servers.values():
            made(server, asked[0])
        results: dict[str, list[Made]] = {name: [] for name in servers}
        for at in range(0, said.pictures, said.chunk):
            for name in list(servers)[:: 1 if at // said.chunk % 2 else -1]:
                chunk = asked[at : at + said.chunk]
                results[name] += askers.map(lambda wish, server=servers[name]: made(server, wish), chunk)
        memory = {
            name: psutil.Process(server.daemon.process.pid).memory_info().rss / 1e6 for name, server in servers.items()
        }
        again = askers.map(
            lambda one: made(servers["plain"], recipe_of(*one)), zip(asked, results["guarded"], strict=True)
        )
        same = sum(
            canonical(one.data) == canonical(other.data) for one, other in zip(results["guarded"], again, strict=True)
        )
    report(results, memory, same, said.crowd)


def recipe_of(wish: dict[str, Any], one: Made) -> dict[str, Any]:
    """What makes a picture again: its recipe, and the picture that it was made of."""
    return one.meta | {"seed": str(one.meta["seed"])} | ({"img": wish["img"]} if "img" in wish else {"img": None})


def report(results: dict[str, list[Made]], memory: dict[str, float], same: int, crowd: int) -> None:
    """`memory` is that of each server's gateway, in MB."""
    count = len(results["plain"])
    print(f"| {count} pictures, {crowd} at a time | median, ms | 90 %, ms | a look, median ms | gateway, MB |")
    print("| --- | --- | --- | --- | --- |")
    for name, each in results.items():
        took = [one.took for one in each]
        looked = statistics.median(one.looked for one in each)
        slow = statistics.quantiles(took, n=10)[-1]
        print(f"| {name} | {statistics.median(took):.0f} | {slow:.0f} | {looked:.1f} | {memory[name]:.1f} |")
    more = statistics.median(one.took for one in results["guarded"]) - statistics.median(
        one.took for one in results["plain"]
    )
    print(
        f"\nMedian: {more:+.1f} ms. Made again by the plain server: {same} of {len(results['guarded'])} the same bytes."
    )


if __name__ == "__main__":
    main()
