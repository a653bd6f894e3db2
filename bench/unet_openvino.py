"""A U-Net's forward by OpenVINO against ours: seconds, memory, conversion, error, and whether a row keeps its bits.

    pip install 'openvino>=2026.1,<2027'
    python -m bench.unet_openvino --model models.example/toybox.safetensors --sides 128 --rows 1 2 8 [--busy | --bits]

Every arm is a process of its own that has loaded the network and waits; they are asked in turn, so that a shared
machine's moods hit all alike and no arm's threads stand in another's way. OpenVINO gets the module that we load,
converted once and kept under --folder. `--busy` starts a process beside them that never rests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.arms import ratio, show
from bench.neighbour import neighbour

EXACT = "torch float32"
ARMS = ("torch bfloat16", "openvino bfloat16", EXACT, "openvino float32", "openvino bfloat16 pinned")


class Arm:
    """One of the processes that are asked in turn."""

    def __init__(self, name: str, model: Path, folder: Path, threads: int = 0) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "bench.unet_arm", name, str(model), str(folder), str(threads)]
        self._name = name
        self._process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def started(self) -> dict[str, str]:
        """Waits until it is; what its start took, by stage."""
        stages: dict[str, str] = self._answer()
        return stages

    def ask(self, side: int, seeds: Sequence[int], keep: Path | None = None) -> dict[str, Any]:
        """One forward: its `seconds`, the digests of its `rows`, and its `memory`."""
        assert self._process.stdin is not None
        asked = {"side": side, "seeds": list(seeds), "keep": keep and str(keep)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = self._answer()
        return answer

    def processor_seconds(self) -> float:
        used = psutil.Process(self._process.pid).cpu_times()
        return used.user + used.system

    def end(self) -> None:
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._name} ended with status {self._process.wait()}")
        return json.loads(line)


@contextmanager
def others(arms: Sequence[Arm]) -> Iterator[None]:
    """Says how many processors were not the arms' meanwhile: what a figure from a shared machine is worth."""

    def used() -> float:
        machine = psutil.cpu_times()
        return machine.user + machine.nice + machine.system + machine.steal - sum(a.processor_seconds() for a in arms)

    begun, before = time.perf_counter(), used()
    yield
    print(f"  others had {(used() - before) / (time.perf_counter() - begun):.2f} processors")


def compare(arms: Mapping[str, Arm], side: int, rows: int, rounds: int, folder: Path) -> None:
    """Medians, ratios to the first, and distances from torch's float32 where it is among the arms."""
    print(f"{side}², {rows} rows")
    kept = {name: folder / f"{name}.npy" for name in arms}
    for name, arm in arms.items():
        arm.ask(side, range(rows), kept[name])
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    with others(list(arms.values())):
        for _ in range(rounds):
            for name, arm in arms.items():
                seconds[name].append(arm.ask(side, range(rows))["seconds"])
    show(seconds, 1000, "ms")
    first = next(iter(arms))
    exact = np.load(kept[EXACT]) if EXACT in arms else None
    for name in arms:
        error = "" if exact is None else f", error {distance(np.load(kept[name]), exact):.1e}"
        print(f"  {name}: {ratio(seconds, name, first):.2f} of {first}{error}")


def distance(made: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> float:
    return float(np.linalg.norm(made - exact) / np.linalg.norm(exact))


def bits(name: str, model: Path, folder: Path, side: int) -> None:
    """Does a row keep its bits: twice, among others, in another slot, in another process, beside a busy one, on one
    thread?"""
    arm, other, single = (Arm(name, model, folder, threads) for threads in (0, 0, 1))
    for one in (arm, other, single):
        one.started()
    for rows in (1, 2, 8):
        seeds, crowd = list(range(rows)), [0, *range(100, 99 + rows)]
        known = arm.ask(side, seeds)["rows"][0]
        with neighbour(wanted=True):
            busy = arm.ask(side, seeds)["rows"][0]
        found = {
            "twice": arm.ask(side, seeds)["rows"][0],
            "among others": arm.ask(side, crowd)["rows"][0],
            "in the last slot": arm.ask(side, crowd[1:] + crowd[:1])["rows"][-1],
            "in another process": other.ask(side, seeds)["rows"][0],
            "beside a busy one": busy,
            "on one thread": single.ask(side, seeds)["rows"][0],
        }
        said = ", ".join(f"{how}: {'same' if row == known else 'OTHER'}" for how, row in found.items())
        print(f"{name}, {rows} rows: {said}", flush=True)
    for one in (arm, other, single):
        one.end()


def ensure_converted(dtype: str, model: Path, folder: Path) -> None:
    if (folder / f"{model.stem}-{dtype}.width").exists():
        return
    converting = Arm(f"convert {dtype}", model, folder)
    print(f"converting, {dtype}: {converting.started()}")
    converting.end()
    nbytes = sum(file.stat().st_size for file in folder.glob(f"{model.stem}-{dtype}.*"))
    print(f"  {nbytes / 1e6:.0f} MB of files", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__ and __doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "imagine-openvino")
    parser.add_argument("--sides", type=int, nargs="+", default=[128])
    parser.add_argument("--rows", type=int, nargs="+", default=[2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", default=ARMS[:2], choices=ARMS)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--bits", action="store_true")
    return parser.parse_args()


def main() -> None:
    asked = parse()
    asked.folder.mkdir(exist_ok=True)
    for dtype in sorted({name.split()[1] for name in asked.arms if name.startswith("openvino")}):
        ensure_converted(dtype, asked.model, asked.folder)
    if asked.bits:
        for name in asked.arms:
            bits(name, asked.model, asked.folder, asked.sides[0])
        return
    arms = {name: Arm(name, asked.model, asked.folder) for name in asked.arms}
    for name, arm in arms.items():
        print(f"{name}: {arm.started()}", flush=True)
    with neighbour(asked.busy):
        for side in asked.sides:
            for rows in asked.rows:
                compare(arms, side, rows, asked.rounds, asked.folder)
    for name, arm in arms.items():
        now, most = arm.ask(asked.sides[0], range(asked.rows[0]))["memory"]
        print(f"{name}: {now} MB at the end, {most} MB at most")
        arm.end()


if __name__ == "__main__":
    main()
