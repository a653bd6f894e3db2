"""A network as small as the shipped one, where all that isn't arithmetic is felt: two source trees and plain diffusers.

    python -m bench.small BEFORE AFTER [--rounds 5] [--crowds 1] [--json bench/results/NAME.json]

Toybox at 128², warm, once on an idle machine and once beside a process that wants a processor for itself. Over HTTP, of
both trees in turn: a picture of 4 steps, and by one of 12 what a step takes and what is around the steps; sixteen
pictures at once. Plain diffusers draws the same in a process of its own, without HTTP. Of the tree that this file lies
in, within this process: what a step of the engine takes beside the forward, and a crowd's rows beside those of the bare
forward, on the same threads.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import multiprocessing
import platform
import re
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from bench.arms import PROMPT, interleaved, model_at, ratio, show
from bench.neighbour import neighbour
from bench.trees import Side, commit_of, until_ready
from tools.same_pictures.tree import Server

SHIPPED = Path("models.example/toybox.safetensors")
SIDE, FEW, MANY, CROWD, CROWD_STEPS = 128, 4, 12, 16, 12
Seconds = dict[str, list[float]]


def serve_plain(ends: Connection) -> None:
    """What the process of plain diffusers does: a picture of so many steps, until None."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
    from transformers import CLIPTokenizer

    from bench.plain import TOKENS, text_encoder_of
    from imagine.engine.loading.single_file import load_single_file
    from imagine.engine.loading.tokenizer import FOLDER

    made = load_single_file(
        model_at(SHIPPED), device=torch.device("cpu"), dtype=torch.bfloat16, progress=lambda _: None, held={}
    )
    tokenizer = CLIPTokenizer.from_pretrained(FOLDER, model_max_length=TOKENS)
    scheduler = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        steps_offset=1,
    )
    pipeline = StableDiffusionPipeline(
        made.vae, text_encoder_of(made.text_encoders[0]), tokenizer, made.unet, scheduler, None, None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    ends.send(b"ready")
    while (steps := ends.recv()) is not None:
        generator = torch.Generator().manual_seed(1)
        picture = pipeline(
            PROMPT, width=SIDE, height=SIDE, num_inference_steps=steps, guidance_scale=7.0, generator=generator
        )
        ends.send(picture.images[0].tobytes())


@contextlib.contextmanager
def plain() -> Iterator[Callable[[int], object]]:
    """Draws with plain diffusers, torch as it comes, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ends, theirs = context.Pipe()
    process = context.Process(target=serve_plain, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    ends.recv()

    def draw(steps: int) -> object:
        ends.send(steps)
        return ends.recv()

    yield draw
    ends.send(None)
    process.join()


def draw(server: Server, steps: int, seed: int = 1) -> None:
    body = {
        "prompt": PROMPT, "num_steps": steps, "seed": seed, "model": "toybox", "width": SIDE, "height": SIDE,
        "guidance": 7.0, "sampler": "dpm++ 2m",
    }  # fmt: skip
    request = urllib.request.Request(
        server.daemon.url + "/generate", json.dumps(body).encode(), {"Accept": "image/png"}
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


def crowd(server: Server) -> None:
    with ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(lambda seed: draw(server, CROWD_STEPS, seed), range(CROWD)))


def over_http(servers: Mapping[str, Server], theirs: Callable[[int], object], rounds: int, crowds: int) -> Seconds:
    arms: dict[str, Callable[[], object]] = {}
    for name, server in servers.items():
        arms[f"{name}, {FEW} steps"] = functools.partial(draw, server, FEW)
        arms[f"{name}, {MANY} steps"] = functools.partial(draw, server, MANY)
    arms[f"plain, {FEW} steps"] = lambda: theirs(FEW)
    arms[f"plain, {MANY} steps"] = lambda: theirs(MANY)
    seconds = interleaved(arms, rounds)
    return seconds | interleaved(
        {f"{n}, crowd": functools.partial(crowd, s) for n, s in servers.items()}, crowds, warm=0
    )


def tell(seconds: Seconds, condition: str) -> None:
    print(f"\n{condition}")
    show(seconds, 1e3, "ms")
    few = "{}, " + f"{FEW} steps"
    for name in ("before", "after", "plain"):
        slope = [
            (many - little) / (MANY - FEW)
            for little, many in zip(seconds[few.format(name)], seconds[f"{name}, {MANY} steps"], strict=True)
        ]
        step = statistics.median(slope)
        around = statistics.median(seconds[few.format(name)]) - FEW * step
        print(f"{name}: {step * 1e3:.1f} ms a step, {around * 1e3:.1f} ms around the steps")
    print(f"after over HTTP / plain in process: {ratio(seconds, few.format('after'), few.format('plain')):.3f}")
    print(f"after / before: {ratio(seconds, few.format('after'), few.format('before')):.3f}")
    print(f"crowd, after / before: {ratio(seconds, 'after, crowd', 'before, crowd'):.3f}")


def peaks(server: Server) -> str:
    """The most memory that each of its workers ever held, as Linux tells it."""
    lines = [Path(f"/proc/{worker.pid}/status").read_text() for worker in server.daemon.workers]
    return ", ".join(re.findall(r"VmHWM:\s*(\d+ kB)", "".join(lines)))


class Bare:
    """The engine of this tree with the shipped model, and the forward that its steps consist of."""

    def __init__(self) -> None:
        from bench.ours import Ours

        self.ours = Ours(SHIPPED, SIDE, CROWD_STEPS, full_prec=False)
        self.ours.picture()
        models = self.ours.engine._models.residency._models
        self.denoiser = cast(Any, next(iter(models.values())).family.parts("denoise")[0])
        self.spent, self._run = 0.0, self.denoiser.execution.run
        self.denoiser.execution.run = self._timed

    def _timed(self, inputs: Any) -> Any:
        begun = time.perf_counter()
        answer = self._run(inputs)
        self.spent += time.perf_counter() - begun
        return answer

    def own(self) -> float:
        """Seconds of a step beside the forward."""
        self.spent = 0.0
        return (self.ours.picture().timings["denoising"] - self.spent) / CROWD_STEPS

    def shares(self) -> tuple[float, set[str]]:
        """Of a crowd's time: the part that was the bare forward, and in which buckets and shares it ran."""
        import msgspec

        from imagine.words.events import Finished
        from imagine.words.frames import Submit

        engine, params = self.ours.engine, msgspec.structs.replace(self.ours.params, reproducible=False)
        self.spent, buckets, begun = 0.0, set[str](), time.perf_counter()
        for seed in range(CROWD):
            wanted = msgspec.structs.replace(params, seed=seed)
            engine.submit(Submit(job=str(seed), client="bench", params=wanted, model=self.ours.model))
        while engine.busy:
            for report in engine.step():
                if isinstance(report, Finished):
                    buckets.add(report.meta["buckets"])
        return self.spent / (time.perf_counter() - begun), buckets


def within(rounds: int) -> None:
    bare = Bare()
    bare.own()
    print(f"a step beside its forward: {statistics.median(bare.own() for _ in range(rounds)) * 1e3:.2f} ms")
    for _ in range(2):
        bare.shares()
    seen = [bare.shares() for _ in range(2)]
    print(
        f"a crowd of {CROWD}: {max(part for part, _ in seen):.3f} of its time, to the last picture, is the bare forward"
    )
    print(f"buckets and rows of a share: {seen[-1][1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--crowds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to write every value")
    options = parser.parse_args()
    sources = {"before": options.before.resolve(), "after": options.after.resolve()}
    about: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(), "machine": platform.machine(),
        "commits": {name: commit_of(source) for name, source in sources.items()},
    }  # fmt: skip
    print(about)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sides = {name: Side(source, Path(folder) / name, Path(folder)) for name, source in sources.items()}
        servers = {name: side.serve(stack)[1] for name, side in sides.items()}
        theirs = stack.enter_context(plain())
        for server in servers.values():
            until_ready(server)
            crowd(server)  # loads, and has buckets and threads measured
            crowd(server)
        for busy in (False, True):
            with neighbour(busy):
                condition = "beside one busy process" if busy else "idle"
                about[condition] = over_http(servers, theirs, options.rounds, options.crowds)
            tell(about[condition], condition)
        for name, server in servers.items():
            print(f"{name}: the worker's peak {peaks(server)}, {server.daemon.workers[0].num_threads()} threads")
    for busy in (False, True):
        print("\nwithin one process,", "beside one busy process" if busy else "idle")
        with neighbour(busy):
            within(3)
    if options.json:
        options.json.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
