"""A U-Net's forward as torch runs it and with its weights laid out once, in one process, idle and beside a busy one.

python -m bench.packed --model FILE [--side 512] [--rows 2] [--full-prec] [--rounds 3] [--only idle]
python -m bench.packed --sdxl --side 1024 --rounds 1 --warm 0 --only idle      (random weights in memory, 10 GB)

Prints the machine's matrix peak before and after, what each arm takes, and the ratio. "stock" is float32 as torch
multiplies by itself, which plain diffusers has; it is an arm with --full-prec.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import no_init_weights

from bench.arms import interleaved, model_at, ratio, show
from bench.neighbour import neighbour
from imagine.engine.device.device import Device
from imagine.engine.execution.execution import Eager, Inputs
from imagine.engine.execution.packed import Packed
from imagine.engine.families.open import open_model
from imagine.files.mapped import release
from imagine.words.frames import WorkerSettings

SDXL = {
    "sample_size": 128, "block_out_channels": (320, 640, 1280), "layers_per_block": 2, "cross_attention_dim": 2048,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
"""stabilityai/stable-diffusion-xl-base-1.0, `unet/config.json` (Open RAIL++-M): its shape."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--sdxl", action="store_true")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=int, default=1, help="rounds that don't count")
    parser.add_argument("--only", choices=("idle", "busy"))
    parser.add_argument("--full-prec", action="store_true")
    wanted = parser.parse_args()
    device = Device(WorkerSettings(device="cpu", full_prec=wanted.full_prec))
    network = sdxl(torch.float32 if wanted.full_prec else torch.bfloat16) if wanted.sdxl else opened(wanted, device)
    asked = inputs(network, wanted.rows, wanted.side // 8)
    plain, packed = Eager(network), Packed(copy.deepcopy(network), release)
    arms: dict[str, Callable[[], object]] = {
        "as torch runs it": forward(plain, asked),
        "packed": forward(packed, asked),
    }
    if wanted.full_prec:
        arms["stock"] = lambda: stock(plain, asked)
    print(f"{wanted.side}², {wanted.rows} rows, {network.dtype}; peak {peak(network.dtype):.0f} GFLOP/s")
    for name, beside in (("idle", False), ("busy", True)):
        if wanted.only not in (None, name):
            continue
        with neighbour(beside):
            seconds = interleaved(arms, wanted.rounds, wanted.warm)
        print(f"{name}: {ratio(seconds, 'packed', 'as torch runs it'):.3f} ×")
        show(seconds, 1000, "ms")
    print(f"peak {peak(network.dtype):.0f} GFLOP/s")


def opened(wanted: argparse.Namespace, device: Device) -> Any:
    family = open_model(model_at(wanted.model), device, lambda _: None, {})
    (denoiser,) = family.parts("denoise")
    return denoiser.module  # type: ignore[attr-defined]


def sdxl(dtype: torch.dtype) -> Any:
    with torch.device("meta"), no_init_weights():
        network = UNet2DConditionModel(**SDXL)
    network = network.to(dtype).to_empty(device="cpu").eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.uniform_(-0.02, 0.02) if parameter.ndim > 1 else parameter.fill_(0.5)
    return network


def inputs(network: Any, rows: int, side: int) -> Inputs:
    config, dtype, added = network.config, network.dtype, None
    if config.addition_embed_type:
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        added = {"text_embeds": torch.randn(rows, pooled, dtype=dtype), "time_ids": torch.ones(rows, 6, dtype=dtype)}
    latents = torch.randn(rows, config.in_channels, side, side, dtype=dtype)
    context = torch.randn(rows, 77, config.cross_attention_dim, dtype=dtype)
    return Inputs(latents, torch.full((rows,), 500.0), context, added)


def forward(execution: Eager, asked: Inputs) -> Callable[[], object]:
    return lambda: torch.inference_mode()(execution.run)(asked)


def stock(plain: Eager, asked: Inputs) -> None:
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        forward(plain, asked)()
    finally:
        torch.set_float32_matmul_precision(chosen)


def peak(dtype: torch.dtype, side: int = 2048) -> float:
    """GFLOP/s of a matrix product, the best of some."""
    a, best = torch.randn(side, side).to(dtype), float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - begun)
    return 2 * side**3 / best / 1e9


if __name__ == "__main__":
    main()
