"""What the engine costs beside the denoiser, and what it gains over plain diffusers, on one CPU.

`python -m bench.overhead --model FILE --configs FOLDER` on any SD1 checkpoint (`bench/load.py --folder` makes a
full-size one of random weights). Arms run in turn: the bare forward of the UNet against the engine's step; a whole warm
picture against diffusers' own pipeline at the same dtype; the same with a preview after every step; and against what a
newcomer to diffusers runs: its pipeline in float32. The pipelines have processes of their own, since the engine's
settings of torch and of the allocator would speed them up too.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench.arms import arguments, interleaved, ratio, show
from bench.ours import Ours
from bench.plain import load_pipeline, plain_picture


def serve_plain(ends: Connection, model: Path, configs: Path, dtype: torch.dtype) -> None:
    """What the process of a pipeline does: a PNG for every (side, steps), until None."""
    pipeline = load_pipeline(model, configs, dtype)
    ends.send(b"ready")
    while (asked := ends.recv()) is not None:
        side, steps = asked
        ends.send(plain_picture(pipeline, side, steps))


class Plain:
    """diffusers' own pipeline, with torch as it comes, in a process of its own."""

    def __init__(self, model: Path, configs: Path, dtype: torch.dtype) -> None:
        context = multiprocessing.get_context("spawn")
        self._ends, theirs = context.Pipe()
        self._process = context.Process(target=serve_plain, args=(theirs, model, configs, dtype), daemon=True)
        self._process.start()
        theirs.close()
        self._ends.recv()

    def picture(self, side: int, steps: int) -> bytes:
        self._ends.send((side, steps))
        made: bytes = self._ends.recv()
        return made

    def close(self) -> None:
        self._ends.send(None)
        self._process.join()


def step_overhead(ours: Ours, unet: Any, side: int, rounds: int) -> float:
    """The engine's step over the bare forward of two rows, as a ratio of medians within each round."""
    steps = ours.params.num_steps
    latents = torch.randn(2, 4, side // 8, side // 8, dtype=unet.dtype)
    context = torch.randn(2, 77, unet.config.cross_attention_dim, dtype=unet.dtype)
    timesteps = torch.tensor([500.0, 500.0])
    ratios = []
    for _ in range(rounds):
        with torch.inference_mode():
            begun = time.perf_counter()
            for _ in range(steps):
                unet(latents, timesteps, context, return_dict=False)
            bare = time.perf_counter() - begun
        ratios.append(ours.picture().timings["denoising"] / bare)
    return statistics.median(ratios)


@contextlib.contextmanager
def stock_settings() -> Iterator[None]:
    """torch as it comes: products of float32 in float32 alone."""
    kept = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(kept)


def error_of_a_step(unet: Any, side: int) -> float:
    """How far the engine's float32 is from torch's own, in one forward: the relative error of the UNet's answer."""
    generator = torch.Generator().manual_seed(2)
    latents = torch.randn(2, 4, side // 8, side // 8, generator=generator)
    context = torch.randn(2, 77, unet.config.cross_attention_dim, generator=generator)
    timesteps = torch.tensor([500.0, 500.0])
    with torch.inference_mode():
        fast = unet(latents, timesteps, context, return_dict=False)[0]
        with stock_settings():
            exact = unet(latents, timesteps, context, return_dict=False)[0]
    return float((fast - exact).norm() / exact.norm())


def against(ours: Ours, plain: Plain, rounds: int, *, name: str, previews: bool = False) -> None:
    """Warm pictures of the engine against a pipeline's."""
    side, steps = ours.params.width, ours.params.num_steps
    arms: dict[str, Callable[[], object]] = {"ours": ours.picture, name: lambda: plain.picture(side, steps)}
    if previews:
        arms["ours, a preview every step"] = lambda: ours.picture(every=1)
    seconds = interleaved(arms, rounds)
    show(seconds)
    print(f"ours / {name}: {ratio(seconds, 'ours', name):.3f}, {ratio(seconds, name, 'ours'):.2f}× as fast")
    if previews:
        print(f"a preview every step costs: {100 * (ratio(seconds, 'ours, a preview every step', 'ours') - 1):.1f} %")
    print(f"PSNR of the two pictures: {psnr(ours.picture().data, plain.picture(side, steps)):.1f} dB")


def psnr(a: bytes, b: bytes) -> float:
    ours, theirs = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float) for data in (a, b))
    error = np.mean((ours - theirs) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def main() -> None:
    parser = arguments(__doc__, side=512)
    parser.add_argument("--full-prec", action="store_true")
    options = parser.parse_args()
    ours = Ours(options.model, options.side, options.steps, full_prec=options.full_prec)
    dtype = getattr(torch, ours.picture().meta["environment"]["dtype"])
    print(f"engine in {dtype}, {torch.get_num_threads()} threads, {options.side}², {options.steps} steps")
    unet = load_pipeline(options.model, options.configs, dtype).unet
    print(f"step over bare forward: {step_overhead(ours, unet, options.side, options.rounds):.3f}")
    if dtype == torch.float32:
        print(f"relative error of the engine's float32 in a step: {error_of_a_step(unet, options.side):.1e}")
    del unet
    for one in dict.fromkeys([dtype, torch.float32]):
        plain = Plain(options.model, options.configs, one)
        name = f"plain diffusers, {str(one).removeprefix('torch.')}"
        against(ours, plain, options.rounds, name=name, previews=one == dtype)
        plain.close()


if __name__ == "__main__":
    main()
