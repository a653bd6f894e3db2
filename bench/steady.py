"""How steady a server is: its start, a crowd of streams, `/health` meanwhile, its memory, and clients that hang up.

    python -m bench.steady [--clients 200] [--requests 1000] [--rounds 9] [--model FILE]

Prints a Markdown report, and exits 1 where a target is missed. `--model` is a checkpoint: each stream must end with the
picture whose hash its seed had when it was made alone (`reproducible`). Without one the worker paints nothing, with
5 ms a step, and each stream must end with its own seed and its own prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.arms import interleaved, ratio
from tests.daemon import CLI, FAKE, REAL, Daemon, environment
from tests.registry import declared

SEEDS = 10
"""Different pictures of a real model that the crowd asks for."""
LOOK_EVERY = 0.02
"""Seconds between two looks at `/health`."""
HANG_UPS = 5


@dataclass
class Report:
    """What was measured, against what is wanted."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, what: str, seen: float, limit: float, unit: str) -> None:
        """`seen` is to be at most `limit`."""
        met = "yes" if seen <= limit else "NO"
        self.rows.append((what, f"{seen:.3g} {unit}", f"≤ {limit:.3g} {unit}", met))

    @property
    def met(self) -> bool:
        return all(row[3] == "yes" for row in self.rows)

    def __str__(self) -> str:
        lines = [("what", "seen", "target", "met"), ("---",) * 4, *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass
class Subject:
    """What is asked for: a server's command line, and what tells its pictures apart."""

    command: list[str]
    body: dict[str, Any]
    real: bool
    hashes: dict[str, str] = field(default_factory=dict)

    def asks(self, number: int) -> dict[str, Any]:
        """The request of client `number`."""
        seed = number % SEEDS if self.real else number
        prompt = self.body["prompt"] if self.real else f"slow {number}"
        return self.body | {"seed": str(seed), "prompt": prompt}

    def is_own(self, asked: dict[str, Any], final: dict[str, Any]) -> bool:
        """Is `final` what `asked` is to get?"""
        if not self.real:
            meta = final["meta"]
            return str(meta["seed"]) == asked["seed"] and meta["prompt"] == asked["prompt"]
        return digest(final["img"]) == self.hashes[asked["seed"]]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ready_seconds(home: Path, command: list[str]) -> float:
    """From the start of the process to its word that it listens."""
    begun = time.perf_counter()
    with Daemon(home, command):
        return time.perf_counter() - begun


def start_up(report: Report, home: Path, rounds: int) -> None:
    """The server, and the commands that must be light, in turn with an empty Python."""

    def of(command: list[str]) -> Callable[[], object]:
        return lambda: subprocess.run(command, env=environment(home), cwd=home, check=True, capture_output=True)

    arms: dict[str, Callable[[], object]] = {
        "nothing": of([sys.executable, "-c", "pass"]),
        "imagine --help": of([*CLI, "--help"]),
        "imagine list": of([*CLI, "list"]),
        "imagine serve": lambda: ready_seconds(home, REAL),
    }
    seconds = interleaved(arms, rounds)
    for name in ("imagine --help", "imagine list"):
        report.add(f"`{name}`", statistics.median(seconds[name]), 0.25, "s")
        report.add(f"`{name}`, against `python -c pass`", ratio(seconds, name, "nothing"), 8, "times")
    report.add("`imagine serve` listens after", statistics.median(seconds["imagine serve"]), 0.6, "s")


async def lines_of(client: aiohttp.ClientSession, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """What `/generate` streams. Raises RuntimeError for a refusal."""
    async with client.post("/generate", json=body) as answer:
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {await answer.text()}")
        async for line in answer.content:
            yield json.loads(line)


async def crowd(report: Report, client: aiohttp.ClientSession, subject: Subject, clients: int) -> None:
    """All at once, each streaming every step; and `/health` all the while."""
    if subject.real:
        for number in range(SEEDS):
            asked = subject.asks(number) | {"stream": 1}
            finals = [line async for line in lines_of(client, asked) if line.get("status") == "final"]
            subject.hashes[asked["seed"]] = digest(finals[0]["img"])
    looks: list[float] = []
    looking = asyncio.create_task(look(client, looks))
    begun = time.perf_counter()
    outcomes = await asyncio.gather(*(one(client, subject, number) for number in range(clients)))
    seconds = time.perf_counter() - begun
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    print(f"{clients} streams in {seconds:.1f} s; {len(looks)} looks at /health, the slowest {max(looks):.3f} s")
    report.add("streams dropped", outcomes.count("dropped"), 0, "")
    report.add("streams mixed up", outcomes.count("mixed up"), 0, "")
    report.add("streams that skipped a step", outcomes.count("skipped"), 0, "")
    report.add("`/health` while saturated, 99 %", percentile(looks, 0.99), 0.05, "s")


async def one(client: aiohttp.ClientSession, subject: Subject, number: int) -> str:
    """How one client of the crowd fared."""
    asked = subject.asks(number) | {"stream": 1}
    try:
        said = [line async for line in lines_of(client, asked)]
    except (aiohttp.ClientError, RuntimeError) as error:
        print(f"client {number}: {error}")
        return "dropped"
    if not said or said[-1].get("status") != "final":
        return "dropped"
    if any(line["seed"] != asked["seed"] for line in said) or not subject.is_own(asked, said[-1]):
        return "mixed up"
    steps = [line["step"] for line in said]
    return "fine" if sorted({*steps, asked["num_steps"]}) == list(range(1, asked["num_steps"] + 1)) else "skipped"


async def look(client: aiohttp.ClientSession, seconds: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        async with client.get("/health") as answer:
            await answer.read()
        seconds.append(time.perf_counter() - begun)
        await asyncio.sleep(LOOK_EVERY)


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


async def many(report: Report, client: aiohttp.ClientSession, subject: Subject, requests: int, pid: int) -> None:
    """One request after another, a few at a time; then the gateway's memory."""
    left = iter(range(requests))

    async def some() -> None:
        for number in left:
            body = subject.asks(number) | {"num_steps": 1, "stream": 0}
            async with client.post("/generate", json=body) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(await answer.text())

    before = psutil.Process(pid).memory_info().rss
    await asyncio.gather(*(some() for _ in range(8)))
    after = psutil.Process(pid).memory_info().rss
    print(f"the gateway's memory: {before / 1e6:.1f} MB before {requests} requests, {after / 1e6:.1f} MB after")
    report.add(f"the gateway's memory after {requests} requests", after / 1e6, 90, "MB")


async def hang_ups(report: Report, client: aiohttp.ClientSession, subject: Subject) -> None:
    """Steps that are done for a client after the last one that it saw, until the device is free."""
    extra = []
    for number in range(HANG_UPS):
        body = subject.asks(number) | {"num_steps": 150, "progress": True, "stream": 0, "reproducible": False}
        async with contextlib.aclosing(lines_of(client, body)) as lines:
            seen = 0
            async for line in lines:
                seen = line.get("step", 0)
                if seen >= 3:
                    break
            before = await steps_done(client)
        while (await health(client))["running"]:
            await asyncio.sleep(0.001)
        extra.append(await steps_done(client) - before)
    report.add(f"steps done for who has hung up, the most of {HANG_UPS}", max(extra), 2, "")


async def steps_done(client: aiohttp.ClientSession) -> int:
    async with client.get("/metrics") as answer:
        text = await answer.text()
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("imagine_steps_total "))


async def health(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/health") as answer:
        said: dict[str, Any] = await answer.json()
        return said


async def ask(report: Report, daemon: Daemon, subject: Subject, clients: int, requests: int) -> None:
    """Everything that is asked of one running server."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(daemon.url, connector=connector, timeout=timeout, read_bufsize=2**24) as client:
        while not (await health(client))["ready"]:
            await asyncio.sleep(0.05)
        await many(report, client, subject, requests, daemon.process.pid)
        await crowd(report, client, subject, clients)
        await hang_ups(report, client, subject)


@contextlib.contextmanager
def subject_in(model: Path | None, side: int, steps: int) -> Iterator[tuple[Path, Subject]]:
    """A home with a model in it, and what to ask of its server."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        models = home / ".imagine/models"
        models.mkdir(parents=True)
        body = {"prompt": "a red fox", "width": side, "height": side, "num_steps": steps, "reproducible": True}
        if model is None:
            declared.write(models / "model.safetensors", declared.tiny())
            yield home, Subject([*FAKE, "--worker", "process"], body, real=False)
        else:
            shutil.copy(model, models / "model.safetensors")
            yield home, Subject(REAL, body, real=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9, help="of the start-up times; 0 leaves them out")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    said = parser.parse_args()
    report = Report()
    with subject_in(said.model, said.side, said.steps) as (home, subject):
        if said.rounds:
            start_up(report, home, said.rounds)
        with Daemon(home, subject.command) as daemon:
            asyncio.run(ask(report, daemon, subject, said.clients, said.requests))
            assert daemon.stop() == 0
    print(report)
    raise SystemExit(0 if report.met else 1)


if __name__ == "__main__":
    main()
