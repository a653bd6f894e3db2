"""Kills the worker or the server in the middle of a run, again and again, and looks at what is left.

    python -m bench.kills [--times 50] [--model FILE] [--seed 0]

Each time `imagine run -s 1` paints, and after a random one of its lines `kill -9` hits the worker or the server. The
run must end with one clear sentence, no file may be half written or left over, no worker may outlive its server, and
the next run must work. `--model` is a checkpoint; without one the worker is one that paints nothing, with 5 ms a step.
Stops at the first that isn't so.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.daemon import FAKE, REAL
from tests.killing import Rig, strike
from tests.registry import declared

TARGETS = ("worker", "server")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--side", default="128", help="of the pictures of a real model")
    parser.add_argument("--steps", default="60")
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        models = home / ".imagine/models"
        models.mkdir(parents=True)
        if said.model:
            shutil.copy(said.model, models / "model.safetensors")
            server, run = [*REAL, "-d", "cpu"], ["a red fox", "-w", said.side, "-h", said.side, "-n", said.steps]
        else:
            declared.write(models / "model.safetensors", declared.tiny())
            server, run = [*FAKE, "--worker", "process"], ["slow", "-n", said.steps]
        with Rig(home, server, run, said.seed) as rig:
            report(rig, said.times)


def report(rig: Rig, times: int) -> None:
    """Strikes, and says what came of it."""
    hits: Counter[str] = Counter()
    begun = time.monotonic()
    lines = len(rig.run().said)
    for number in range(times):
        at = TARGETS[number % 2]
        hits[at] += strike(rig, at, lines)
        print(f"{number + 1:3d}/{times}  {at}", flush=True)
    seconds = time.monotonic() - begun
    print(f"{times} kills in {seconds:.0f} s; hit in the middle: {hits['worker']} workers, {hits['server']} servers.")
    print(f"{rig.check_files()} whole pictures, nothing half written, every next run worked.")


if __name__ == "__main__":
    main()
