"""Two source trees side by side: start-up, `imagine list`, the gateway's memory, and what a step takes.

    python -m bench.trees BEFORE AFTER [--rounds 7] [--turns 3] [--json bench/results/NAME.json]

Each is a folder that holds `src/`; both are copied first, so that nobody's work changes them meanwhile. Everything is
measured from outside, on real processes, in turn: before, after, after, before, … The ratio is the median of each
round's own; one that is above 1 in all rounds is more than noise. The same tree twice says how large the noise is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.arms import PROMPT
from bench.load import drop
from tests.daemon import environment
from tests.registry import declared
from tools.same_pictures.tree import Server, Tree

PARTS = ("src", "ui", "models.example")
LISTED = 60
"""Checkpoints that `imagine list` looks through."""
STEPS = 24
CROWD = 8
_COMMANDS = {"imagine --version": ("--version",), f"imagine list, {LISTED} models": ("list",)}

Figures = dict[str, dict[str, list[float]]]
"""By figure and by tree: a value a round."""


class Side:
    """One of the two trees: a copy of it, with a home of its own."""

    def __init__(self, source: Path, folder: Path, models: Path) -> None:
        self._folder = folder
        self._models = models
        for part in PARTS:
            if (source / part).exists():
                shutil.copytree(source / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        self.tree = Tree(folder)

    def command(self, *arguments: str, cold: bool) -> float:
        """Seconds that `imagine ARGUMENTS` takes; `cold`: no bytecode of the tree, nothing remembered of the models."""
        home = self._folder / "home"
        if cold:
            self._forget(home)
        home.mkdir(exist_ok=True)
        seen = environment(home, IMAGINE_MODELS=str(self._models))
        begun = time.perf_counter()
        subprocess.run(self.tree.imagine(*arguments), env=seen, cwd=home, check=True, capture_output=True)
        return time.perf_counter() - begun

    def _forget(self, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)
        for cache in (self._folder / "src").rglob("__pycache__"):
            shutil.rmtree(cache)
        for file in (self._folder / "src").rglob("*.py"):
            drop(file)

    def serve(self, stack: ExitStack) -> tuple[float, Server]:
        """Seconds until a server answers, and the server, which `stack` ends."""
        begun = time.perf_counter()
        place = self.tree.server(self._folder / "served", "-m", str(self._folder / "models.example"))
        server = stack.enter_context(place)
        server.ask("/health")
        return time.perf_counter() - begun, server


def until_ready(server: Server) -> None:
    while not server.ask("/health")["ready"]:
        time.sleep(0.05)


def megabytes(server: Server) -> tuple[float, float]:
    """Resident memory of the gateway, and of the workers beside it."""
    workers = server.daemon.workers
    own = psutil.Process(server.daemon.process.pid).memory_info().rss
    return own / 1e6, sum(worker.memory_info().rss for worker in workers) / 1e6


def draw(server: Server, seed: int) -> None:
    size = {"width": 128, "height": 128}
    body = {"prompt": PROMPT, "num_steps": STEPS, "seed": seed, "model": "toybox", **size}
    request = urllib.request.Request(
        server.daemon.url + "/generate", json.dumps(body).encode(), {"Accept": "image/png"}
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


def alone(server: Server) -> float:
    """Milliseconds a step of one picture, from the request to the PNG."""
    begun = time.perf_counter()
    draw(server, 4)
    return (time.perf_counter() - begun) / STEPS * 1e3


def crowd(server: Server) -> float:
    """Milliseconds a step and picture of several at once."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(lambda seed: draw(server, seed), range(CROWD)))
    return (time.perf_counter() - begun) / (STEPS * CROWD) * 1e3


def in_turn(names: tuple[str, str], number: int) -> tuple[str, ...]:
    return names if number % 2 == 0 else names[::-1]


def one_round(sides: Mapping[str, Side], number: int, turns: int) -> Iterator[tuple[str, str, float]]:
    """Every figure of both trees: its name, the tree's and the value."""
    order = in_turn(tuple(sides), number)  # type: ignore[arg-type]
    for figure, arguments in _COMMANDS.items():
        for cold in (True, False):
            for name in order:
                yield f"{figure}, {'cold' if cold else 'warm'}, s", name, sides[name].command(*arguments, cold=cold)
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for name in order:
            seconds, servers[name] = sides[name].serve(stack)
            yield "imagine serve answers, s", name, seconds
            until_ready(servers[name])
            yield "gateway, idle, MB", name, megabytes(servers[name])[0]
        yield from _steps(servers, order, turns)


def _steps(servers: Mapping[str, Server], order: tuple[str, ...], turns: int) -> Iterator[tuple[str, str, float]]:
    measures: dict[str, Callable[[Server], float]] = {
        "a step alone, ms": alone,
        f"a step in a crowd of {CROWD}, ms": crowd,
    }
    for name in order:  # the model is loaded, and the engine measures its buckets
        alone(servers[name])
        crowd(servers[name])
    for figure, measure in measures.items():
        seen: dict[str, list[float]] = {name: [] for name in order}
        for turn in range(turns):
            for name in order if turn % 2 == 0 else order[::-1]:
                seen[name].append(measure(servers[name]))
        yield from ((figure, name, statistics.median(values)) for name, values in seen.items())
    for name in order:
        gateway, workers = megabytes(servers[name])
        yield "gateway, after pictures, MB", name, gateway
        yield "worker, after pictures, MB", name, workers


def table(figures: Figures) -> str:
    lines = ["| what | before | after | after / before | least to most | worse in |", "|---|---|---|---|---|---|"]
    for figure, values in figures.items():
        ratios = [after / before for before, after in zip(values["before"], values["after"], strict=True)]
        middles = [f"{statistics.median(values[name]):.4g}" for name in ("before", "after")]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        worse = f"{sum(ratio > 1 for ratio in ratios)} of {len(ratios)}"
        lines.append(f"| {figure} | {' | '.join(middles)} | {statistics.median(ratios):.3f} | {spread} | {worse} |")
    return "\n".join(lines)


def commit_of(source: Path) -> str:
    """Which commit lies there, and whether it was changed; empty where that can't be told."""
    done = subprocess.run(["git", "-C", str(source), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip()


def measure(sources: Mapping[str, Path], rounds: int, turns: int) -> Figures:
    """All figures, after a round that doesn't count."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        for number in range(LISTED):
            declared.write(models / f"model-{number:02}.safetensors", declared.tiny())
        sides = {name: Side(source, Path(folder) / name, models) for name, source in sources.items()}
        for number in range(rounds + 1):
            for figure, name, value in one_round(sides, number, turns if number else 1):
                if number:
                    figures.setdefault(figure, {}).setdefault(name, []).append(value)
            print(f"round {number} of {rounds}", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=3, help="of pictures, within a round")
    parser.add_argument("--json", type=Path, help="where to write every value")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a warm start has its bytecode
    sources = {"before": options.before.resolve(), "after": options.after.resolve()}
    figures = measure(sources, options.rounds, options.turns)
    about: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "commits": {name: commit_of(source) for name, source in sources.items()},
    }  # fmt: skip
    print(f"{about}\n\n{table(figures)}")
    if options.json:
        options.json.write_text(json.dumps(about | {"figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
