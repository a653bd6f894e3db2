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

from bench.load import drop

PROMPT = "a red house on a blue background"
ARMS = ("ours", "plain, the same dtype", "ours, full_prec", "plain, float32")


def ours(options: argparse.Namespace, output: Path, *, full_prec: bool) -> None:
    """As a worker makes it: the engine, its defaults, and nothing that the gateway does."""
    from bench.arms import source_at
    from imagine.engine.engine import Engine
    from imagine.events import Finished
    from imagine.frames import PreviewSettings, Submit, WorkerSettings
    from imagine.params import GenerationParams

    source = source_at(options.model)
    engine = Engine(WorkerSettings(device="cpu", full_prec=full_prec, keep_alive=-1))
    params = GenerationParams(
        model=source.name, digest=source.digest, prompt=PROMPT, width=options.side, height=options.side,
        num_steps=options.steps, guidance=7.0, sampler="dpm++ 2m", seed=1,
    )  # fmt: skip
    engine.submit(Submit(job="bench", client="bench", params=params, source=source, preview=PreviewSettings()))
    while engine.busy:
        for report in engine.step():
            if isinstance(report, Finished):
                output.write_bytes(report.data)
                print(report.meta["environment"]["dtype"])


def plain(options: argparse.Namespace, output: Path, dtype: str) -> None:
    """As diffusers' own documentation makes it."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_single_file(
        str(options.model), config=str(options.configs), local_files_only=True, torch_dtype=getattr(torch, dtype)
    )
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.tokenizer.model_max_length = 77
    pipeline.set_progress_bar_config(disable=True)
    pipeline(
        PROMPT, width=options.side, height=options.side, num_inference_steps=options.steps, guidance_scale=7.0,
        generator=torch.Generator().manual_seed(1),
    ).images[0].save(output)  # fmt: skip


def run_arm(arm: str, options: argparse.Namespace, output: Path) -> None:
    if arm.startswith("ours"):
        ours(options, output, full_prec=arm.endswith("full_prec"))
    else:
        plain(options, output, "float32" if arm.endswith("float32") else options.dtype)


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--configs", type=Path, required=True)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
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
