"""What measurements of a U-Net's forward have in common: their flags, the network, what it is asked, who is beside it.

Networks of SDXL's shape have random weights, in memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_utils import no_init_weights
from torch import Tensor
from torch.nn import Module

from bench.arms import model_at
from bench.neighbour import neighbour
from imagine.engine.device.device import Device
from imagine.engine.execution.additions import Accompanied, Addition, SlotRows, beside, ready
from imagine.engine.execution.execution import Eager, Execution, Inputs
from imagine.engine.execution.packed import Packed, can_pack
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


def arguments(description: str | None, *, rounds: int = 3, sdxl: bool = False) -> argparse.ArgumentParser:
    """The flags that all of them have; `sdxl`: SDXL's shape can stand for a file."""
    parser = argparse.ArgumentParser(description=description)
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--model", type=Path)
    if sdxl:
        network.add_argument("--sdxl", action="store_true")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--warm", type=int, default=1, help="rounds that don't count")
    parser.add_argument("--only", choices=("idle", "busy"))
    parser.add_argument("--full-prec", action="store_true")
    return parser


def network_of(wanted: argparse.Namespace) -> Any:
    """The U-Net that the flags name, as the engine would have it opened."""
    device = Device(WorkerSettings(device="cpu", full_prec=wanted.full_prec))
    if wanted.model is None:
        return _sdxl(torch.float32 if wanted.full_prec else torch.bfloat16)
    family = open_model(model_at(wanted.model), device, lambda _: None, {})
    (denoiser,) = family.parts("denoise")
    return denoiser.module  # type: ignore[attr-defined]


def _sdxl(dtype: torch.dtype) -> Any:
    with torch.device("meta"), no_init_weights():
        network = UNet2DConditionModel(**SDXL)
    network = network.to(dtype).to_empty(device="cpu").eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.uniform_(-0.02, 0.02) if parameter.ndim > 1 else parameter.fill_(0.5)
    return network


def execution_of(network: Any) -> Execution:
    """How the engine would run it."""
    return Packed(network, release) if can_pack(torch.device("cpu"), network) else Eager(network)


def states(wanted: argparse.Namespace) -> Iterator[str]:
    """`idle` and `busy`, or the one that is wanted: beside a process that wants a processor, or not."""
    for state in ("idle", "busy"):
        if wanted.only in (None, state):
            with neighbour(state == "busy"):
                yield state


def inputs(network: Any, rows: int, side: int) -> Inputs:
    """Of random numbers, for latents of that side."""
    config, dtype, added = network.config, network.dtype, None
    if config.addition_embed_type:
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        added = {"text_embeds": torch.randn(rows, pooled, dtype=dtype), "time_ids": torch.ones(rows, 6, dtype=dtype)}
    latents = torch.randn(rows, config.in_channels, side, side, dtype=dtype)
    context = torch.randn(rows, 77, config.cross_attention_dim, dtype=dtype)
    return Inputs(latents, torch.full((rows,), 500.0), context, added)


def accompanied(
    network: Module, execution: Execution, asked: Inputs, additions: Sequence[Addition] = ()
) -> Callable[[], Tensor]:
    """A forward of one picture that has these beside it, as `engine/jobs/forward.py` makes it."""

    @torch.inference_mode()
    def run() -> Tensor:
        if not additions:
            return execution.run(asked)
        with beside(network, ready([Accompanied(SlotRows(0, 1), additions, asked)])):
            return execution.run(asked)

    return run
