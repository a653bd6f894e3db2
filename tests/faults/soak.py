"""What stands between a service and its months: many pictures, kills and broken files, one after another, with gates.

    python -m tests.faults.soak [MINUTES] [--pictures N]

Draws `--pictures` mixed pictures by the shipped model and looks at the memory, files and threads of the server and its
worker; kills the worker and the server at random moments; feeds random files to what reads them. `make soak` does it
for half an hour, the suite for seconds (`test_soak.py`). Ends with status 1 at the first gate that isn't kept.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
from PIL import Image

from tests.daemon import FAKE, PATIENCE, REAL, Daemon
from tests.faults import parsers
from tests.killing import Rig, strike
from tests.server.served import add_model

MEMORY = 48 * 2**20
"""Bytes that a process may grow by, once it has made each kind of picture."""
MIX = (
    {"sampler": "euler a", "num_steps": 3},
    {"sampler": "dpm++ 2m", "num_steps": 4, "width": 96, "height": 64},
    {"num_steps": 2, "count": 3},
    {"num_steps": 4, "strength": 0.6, "img": True},
    {"num_steps": 2, "hires": 1.5},
    {"num_steps": 3, "preview": "vae", "stream": 1},
    {"num_steps": 2, "prompt": "a [red|blue] star " + "on a white background, " * 30},
)
"""Kinds of pictures; `img` stands for one that is given."""


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    memory: int
    files: int
    threads: int

    @classmethod
    def by(cls, process: psutil.Process) -> Held:
        return cls(process.memory_info().rss, process.num_fds(), process.num_threads())

    def grown(self, since: Held) -> list[str]:
        """What it holds too much of. Pools are filled as requests happen to overlap, up to a handful of threads."""
        told = []
        if self.memory - since.memory > MEMORY:
            told.append(f"memory grew by {(self.memory - since.memory) >> 20} MiB")
        if self.files > since.files + 2:
            told.append(f"open files grew from {since.files} to {self.files}")
        if self.threads > since.threads + 8:
            told.append(f"threads grew from {since.threads} to {self.threads}")
        return told


def photo(random: Random) -> str:
    """A picture to begin from, in base64."""
    file = io.BytesIO()
    Image.effect_noise((random.randint(40, 200), random.randint(40, 200)), 50).convert("RGB").save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def draw(daemon: Daemon, random: Random, kinds: Sequence[dict] = MIX) -> int:
    """One request of a random one of these kinds; how many pictures came."""
    kind = dict(random.choice(kinds))
    if kind.pop("img", False):
        kind["img"] = photo(random)
    body = {"prompt": "a red star", "model": "toybox", "width": 64, "height": 64, "seed": random.getrandbits(63)} | kind
    request = urllib.request.Request(f"{daemon.url}/generate", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        last = json.loads(list(answer)[-1])
    return len(last.get("images", [last["img"]]))


def pictures(home: Path, most: int, random: Random, warm: int = 40) -> int:
    """Draws so many, and holds what the processes hold against what they held after the first `warm`.

    Raises AssertionError where something grew.
    """
    given = [kind for kind in MIX if "img" in kind]
    with Daemon(home, [*REAL, "-d", "cpu"]) as daemon:
        made, before = 0, None
        while made < most + warm:
            made += draw(daemon, random)
            if before is None and made >= warm:
                made += draw(daemon, random, given)  # who looks at it is there now, and in the end: not so after a rest
                held = [psutil.Process(daemon.process.pid), *daemon.painters]
                before = {process.pid: Held.by(process) for process in held}
        assert before is not None
        made += draw(daemon, random, given)
        for pid, held in before.items():
            grown = Held.by(psutil.Process(pid)).grown(held)
            assert not grown, f"{' '.join(psutil.Process(pid).cmdline())}: {', '.join(grown)} in {made} pictures"
        assert daemon.stop() == 0
    return made


def kills(home: Path, until: Callable[[], bool], random: Random) -> int:
    """Kills workers and servers in the middle of runs; how often. Raises AssertionError for what is half done."""
    steps, times = 60, 0
    well, struck = (["slow", "-n", str(steps)], ["endless", "-n", str(steps)])
    add_model(home / ".imagine", "fox")
    with Rig(home, [*FAKE, "--worker", "process"], well, random.getrandbits(32), struck) as rig:
        while not until():
            strike(rig, ("worker", "server")[times % 2], 2 * steps + 2)
            times += 1
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float, nargs="?", default=30.0)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--seed", type=int)
    said = parser.parse_args()
    seed = time.time_ns() % 2**32 if said.seed is None else said.seed
    random, end = Random(seed), time.monotonic() + said.minutes * 60
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{pictures(Path(folder), said.pictures, random)} pictures, and nothing grew", flush=True)
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            stop = min(end, time.monotonic() + 120)
            times = kills(Path(folder), lambda stop=stop: time.monotonic() > stop, random)
            print(f"{times} kills, and nothing was half done", flush=True)
        told = asyncio.run(parsers.parse(parsers.for_seconds(min(60.0, max(1.0, end - time.monotonic())), random)))
        print(f"{told.total()} verdicts on broken files: {dict(told)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
