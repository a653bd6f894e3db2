"""The whole first picture, cold: from the start of a process to a PNG on disk, ours against plain diffusers.

`python -m bench.first --model FILE --configs FOLDER` on any SD1 checkpoint (`bench/load.py --folder` makes a full-size
one of random weights). Every arm is a process of its own that has read nothing yet and ends after its one picture; the
file is taken out of the page cache before each, or with `--cached` is in it. Arms run in turn. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.arms import arguments
from bench.load import drop

ARMS = ("ours", "plain, the same dtype", "ours, full_prec", "plain, float32")


def run_arm(arm: str, options: argparse.Namespace, output: Path) -> None:
    """Imports what this arm needs, and nothing of the other."""
    if arm.startswith("ours"):
        from bench.ours import Ours

        made = Ours(options.model, options.side, options.steps, full_prec=arm.endswith("full_prec")).picture()
        output.write_bytes(made.data)
        print(made.meta["environment"]["dtype"])
    else:
        import torch

        from bench.plain import load_pipeline, plain_picture

        dtype = getattr(torch, "float32" if arm.endswith("float32") else options.dtype)
        pipeline = load_pipeline(options.model, options.configs, dtype)
        output.write_bytes(plain_picture(pipeline, options.side, options.steps))


def timed(arm: str, options: argparse.Namespace, folder: Path) -> tuple[float, str]:
    """Seconds of a process that makes one picture, and what it said. Raises CalledProcessError where it made none."""
    output = folder / "picture.png"
    output.unlink(missing_ok=True)
    if not options.cached:
        drop(options.model)
    command = [sys.executable, "-m", "bench.first", *sys.argv[1:], "--dtype", options.dtype, "--arm", arm, str(output)]
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begun
    assert output.read_bytes().startswith(b"\x89PNG")
    return seconds, done.stdout.strip()


def main() -> None:
    parser = arguments(__doc__, side=256)
    parser.add_argument("--cached", action="store_true", help="leave the file in the page cache")
    parser.add_argument("--dtype", default="bfloat16", help=argparse.SUPPRESS)
    parser.add_argument("--arm", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        run_arm(options.arm[0], options, Path(options.arm[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        # Also brings the programs themselves into the page cache, for all arms alike.
        options.dtype = timed("ours", options, Path(folder))[1].removeprefix("torch.")
        timed("plain, float32", options, Path(folder))
        seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
        for _ in range(options.rounds):
            for arm in ARMS:
                seconds[arm].append(timed(arm, options, Path(folder))[0])
    where = "in the page cache" if options.cached else "not in the page cache"
    print(f"{options.side}², {options.steps} steps, {options.dtype}, the file {where}\n")
    print("| arm | s, median (least to most) | beside ours |\n|---|---|---|")
    for arm, values in seconds.items():
        beside = statistics.median(value / own for value, own in zip(values, seconds["ours"], strict=True))
        print(f"| {arm} | {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f}) | {beside:.2f} × |")


if __name__ == "__main__":
    main()
