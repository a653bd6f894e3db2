"""What tests on an accelerator that isn't there share: an engine that owns it, and small checkpoints for it."""

import torch

from imagine.words.frames import WorkerSettings
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.engine.running import engine_of

SMALL = {
    "block_out_channels": [32, 64], "layers_per_block": 1, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}  # fmt: skip
"""Of a U-Net with half as many levels."""


def on(card, **settings):
    """An engine that owns the device."""
    return engine_of(WorkerSettings(device=card.device.type, keep_alive=-1, **settings))


def write_half(folder):
    """Small checkpoints in float16: by family, how many channels their U-Net takes, and how they are stored."""
    made = {}
    for name, family, channels, dtype in (
        ("sd", "stable_diffusion", 4, torch.float16), ("inpainting", "stable_diffusion", 9, torch.float16),
        ("sdxl", "sdxl", 4, torch.float16), ("refiner", "sdxl_refiner", 4, torch.float16),
        ("fp8", "stable_diffusion", 4, torch.float8_e4m3fn), ("double", "stable_diffusion", 4, torch.float64),
    ):  # fmt: skip
        made[name] = folder / f"{name}.safetensors"
        changes = SMALL if family == "stable_diffusion" else {}
        write_checkpoint(made[name], tiny_modules(family, in_channels=channels, unet=changes), dtype=dtype)
    return made
