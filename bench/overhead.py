"""What the engine costs beside the denoiser, and what it gains over plain diffusers, on one CPU.

`python -m bench.overhead --model FILE --configs FOLDER` on any SD1 checkpoint (`bench/load.py --folder` makes a
full-size one of random weights). Arms run in turn in one process: the bare forward of the UNet against the engine's
step; a whole warm picture against diffusers' own pipeline at the same dtype; the same with a preview after every step;
and against what a newcomer to diffusers runs: its pipeline in float32 with torch's own settings.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from PIL import Image

from bench.arms import interleaved, ratio, show, source_at
from imagine.engine.engine import Engine
from imagine.events import Finished
from imagine.frames import PreviewSettings, Submit, WorkerSettings
from imagine.params import GenerationParams

PROMPT = "a red house on a blue background"
TOKENS = 77
"""Of a prompt, which CLIP takes; the configuration that `bench/load.py` makes doesn't say so."""


class Ours:
    """The engine with one model on it."""

    def __init__(self, model: Path, side: int, steps: int, *, full_prec: bool) -> None:
        self.source = source_at(model)
        self.engine = Engine(WorkerSettings(device="cpu", full_prec=full_prec, keep_alive=-1))
        self.params = GenerationParams(
            model=self.source.name, digest=self.source.digest, prompt=PROMPT, width=side, height=side, num_steps=steps,
            guidance=7.0, sampler="dpm++ 2m", seed=1, reproducible=True,
        )  # fmt: skip

    def picture(self, every: int = 0) -> Finished:
        preview = PreviewSettings(every=every)
        self.engine.submit(Submit(job="bench", client="bench", params=self.params, source=self.source, preview=preview))
        made = None
        while self.engine.busy:
            for report in self.engine.step():
                made = report if isinstance(report, Finished) else made
        assert made is not None
        return made


def plain(model: Path, configs: Path, dtype: torch.dtype) -> Any:
    pipeline = StableDiffusionPipeline.from_single_file(
        str(model), config=str(configs), local_files_only=True, torch_dtype=dtype
    )
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.tokenizer.model_max_length = TOKENS
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def picture(pipeline: Any, side: int, steps: int) -> Image.Image:
    generator = torch.Generator().manual_seed(1)
    made = pipeline(PROMPT, width=side, height=side, num_inference_steps=steps, guidance_scale=7.0, generator=generator)
    image: Image.Image = made.images[0]
    image.save(io.BytesIO(), "PNG")
    return image


def step_overhead(ours: Ours, pipeline: Any, side: int, rounds: int) -> float:
    """The engine's step over the bare forward of two rows, as a ratio of medians within each round."""
    steps = ours.params.num_steps
    latents = torch.randn(2, 4, side // 8, side // 8, dtype=pipeline.unet.dtype)
    context = torch.randn(2, 77, pipeline.unet.config.cross_attention_dim, dtype=pipeline.unet.dtype)
    timesteps = torch.tensor([500.0, 500.0])
    ratios = []
    for _ in range(rounds):
        with torch.inference_mode():
            begun = time.perf_counter()
            for _ in range(steps):
                pipeline.unet(latents, timesteps, context, return_dict=False)
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


def stock_picture(pipeline: Any, side: int, steps: int) -> Image.Image:
    with stock_settings():
        return picture(pipeline, side, steps)


def error_of_a_step(pipeline: Any, side: int) -> float:
    """How far the engine's float32 is from torch's own, in one forward: the relative error of the UNet's answer."""
    generator = torch.Generator().manual_seed(2)
    latents = torch.randn(2, 4, side // 8, side // 8, generator=generator)
    context = torch.randn(2, 77, pipeline.unet.config.cross_attention_dim, generator=generator)
    timesteps = torch.tensor([500.0, 500.0])
    with torch.inference_mode():
        fast = pipeline.unet(latents, timesteps, context, return_dict=False)[0]
        with stock_settings():
            exact = pipeline.unet(latents, timesteps, context, return_dict=False)[0]
    return float((fast - exact).norm() / exact.norm())


def against_stock(ours: Ours, model: Path, configs: Path, rounds: int) -> None:
    """A warm picture of the engine against stock diffusers in float32."""
    side, steps = ours.params.width, ours.params.num_steps
    stock = plain(model, configs, torch.float32)
    seconds = interleaved({"ours": ours.picture, "stock": lambda: stock_picture(stock, side, steps)}, rounds)
    show(seconds)
    print(f"stock / ours: {1 / ratio(seconds, 'ours', 'stock'):.2f}× as fast")
    made = Image.open(io.BytesIO(ours.picture().data))
    print(f"PSNR of the two pictures: {psnr(made, stock_picture(stock, side, steps)):.1f} dB")
    print(f"relative error of the engine's float32 in a step: {error_of_a_step(stock, side):.1e}")


def psnr(a: Image.Image, b: Image.Image) -> float:
    error = np.mean((np.asarray(a.convert("RGB"), float) - np.asarray(b.convert("RGB"), float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--configs", type=Path, required=True)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full-prec", action="store_true")
    options = parser.parse_args()
    ours = Ours(options.model, options.side, options.steps, full_prec=options.full_prec)
    first = ours.picture()
    dtype = getattr(torch, first.meta["environment"]["dtype"])
    same = plain(options.model, options.configs, dtype)
    print(f"engine in {dtype}, {torch.get_num_threads()} threads, {options.side}², {options.steps} steps")
    print(f"step over bare forward: {step_overhead(ours, same, options.side, options.rounds):.3f}")
    arms = {
        "ours": lambda: ours.picture(),
        "ours, a preview every step": lambda: ours.picture(every=1),
        "plain diffusers": lambda: picture(same, options.side, options.steps),
    }
    seconds = interleaved(arms, options.rounds)
    show(seconds)
    print(f"ours / plain, same dtype: {ratio(seconds, 'ours', 'plain diffusers'):.3f}")
    print(f"a preview every step costs: {100 * (ratio(seconds, 'ours, a preview every step', 'ours') - 1):.1f} %")
    made = Image.open(io.BytesIO(first.data))
    print(f"PSNR of the two pictures: {psnr(made, picture(same, options.side, options.steps)):.1f} dB")
    against_stock(ours, options.model, options.configs, options.rounds)


if __name__ == "__main__":
    main()
