"""What a request costs beside its pictures: `python -m bench.request_cost [--rounds N]`.

Milliseconds of the processor, the client's among them, over a worker that paints at once: one picture; one with a
preview and a line of progress at each of 25 steps; sixteen with their progress. To compare two commits, run it in a
checkout of each, in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.server.served import serving

PICTURE: dict[str, Any] = {"prompt": "a fox", "model": "fox", "seed": 1, "num_steps": 25}
KINDS = {
    "one picture": (PICTURE, 100),
    "one with previews": (PICTURE | {"stream": 1, "progress": True}, 40),
    "sixteen with progress": (PICTURE | {"count": 16, "progress": True}, 8),
}
"""What is asked for, and how many times a round."""


async def milliseconds(client: Any, body: dict[str, Any], times: int) -> float:
    """Of one request, over so many."""
    begun = time.process_time()
    for _ in range(times):
        async with client.post("/generate", json=body) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()
    return (time.process_time() - begun) / times * 1e3


async def measure(rounds: int) -> None:
    """A line for each kind: the least of its rounds, since what else runs only adds."""
    least = dict.fromkeys(KINDS, float("inf"))
    for turn in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            async with serving(Path(folder)) as client:
                for name, (body, times) in KINDS.items():
                    seen = await milliseconds(client, body, times)
                    if turn:
                        least[name] = min(least[name], seen)
    for name, value in least.items():
        print(f"{name:<24} {value:8.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
