"""Times several ways of doing one thing, in turn and in one process, so that a shared machine's moods hit all alike."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.words.model import Model

PROMPT = "a red house on a blue background"


def arguments(description: str | None, *, side: int) -> argparse.ArgumentParser:
    """Of a benchmark that makes pictures of a checkpoint both by the engine and by diffusers."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--configs", type=Path, required=True)
    parser.add_argument("--side", type=int, default=side)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    return parser


def model_at(path: Path) -> Model:
    """The checkpoint in a file, as the server would have it loaded."""
    registry = Registry([path.parent])
    registry.refresh()
    return model_from(registry.with_digest(registry.find(path.stem)))


def interleaved(arms: Mapping[str, Callable[[], object]], rounds: int, warm: int = 1) -> dict[str, list[float]]:
    """Seconds of each arm, `rounds` of them: A B C, A B C, … after `warm` rounds that don't count."""
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(warm + rounds):
        for name, work in arms.items():
            begun = time.perf_counter()
            work()
            if turn >= warm:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def ratio(seconds: Mapping[str, list[float]], arm: str, to: str) -> float:
    """The median of the ratios arm / to, round by round."""
    return statistics.median(a / b for a, b in zip(seconds[arm], seconds[to], strict=True))


def show(seconds: Mapping[str, list[float]], unit: float = 1.0, name: str = "s") -> None:
    """A line an arm: median, least and most."""
    for arm, values in seconds.items():
        low, middle, high = min(values) * unit, statistics.median(values) * unit, max(values) * unit
        print(f"{arm:<40} {middle:10.3f} {name}   ({low:.3f} to {high:.3f})")
