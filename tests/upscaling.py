"""Upscalers for tests: the one that ships, and tiny ones of the same kind."""

from pathlib import Path

import torch
from safetensors.torch import save_file

SHIPPED = Path("models.example/upscalers/realesr-animevideov3.safetensors")


def compact_tensors(*, features, convolutions, scale):
    """A SRVGGNetCompact's tensors, drawn from a seed."""
    generator = torch.Generator().manual_seed(5)
    tensors, channels = {}, 3
    for index in range(convolutions):
        last = index == convolutions - 1
        out = 3 * scale**2 if last else features
        tensors[f"body.{2 * index}.weight"] = torch.randn(out, channels, 3, 3, generator=generator) * 0.1
        tensors[f"body.{2 * index}.bias"] = torch.randn(out, generator=generator) * 0.1
        if not last:
            tensors[f"body.{2 * index + 1}.weight"] = torch.rand(out, generator=generator)
        channels = out
    return tensors


def write_compact(path, tensors, prefix=""):
    save_file({prefix + name: tensor for name, tensor in tensors.items()}, path)
    return path
