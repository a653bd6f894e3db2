"""The families whose LoRAs can be trained: which layers learn, and how files name them.

A U-Net's LoRA is named as in kohya's scripts (https://github.com/kohya-ss/sd-scripts, Apache-2.0), a transformer's as
diffusers and peft do (Apache-2.0); every program reads both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .learners import Learner


class Trainable(NamedTuple):
    """A family's row."""

    architecture: str
    """As ModelSpec (https://github.com/Stability-AI/ModelSpec, MIT) or, where it names none, the makers do."""
    kohya: str = ""
    """As kohya's scripts name a U-Net."""

    @property
    def width(self) -> int:
        """Of a published one of the narrowest kind: channels of the first layer, or of a transformer's tokens."""
        return 320 if self.kohya else 1536

    @property
    def layers(self) -> re.Pattern[str]:
        """Whose names say that they learn: those of a U-Net's transformers, or of a transformer's blocks but for what
        moves and scales their norms."""
        return _OF_UNET if self.kohya else _OF_TRANSFORMER

    def tensors(self, paths: Mapping[str, Learner]) -> dict[str, Tensor]:
        """What was learned, under a file's names."""
        if not self.kohya:
            names = {
                f"transformer.{name}.lora_{half}.weight": (each, half) for name, each in paths.items() for half in "AB"
            }
            return {name: _stored(each.down if half == "A" else each.up) for name, (each, half) in names.items()}
        tensors: dict[str, Tensor] = {}
        for name, each in paths.items():
            key = f"lora_unet_{name.replace('.', '_')}"
            tensors[f"{key}.lora_down.weight"] = _stored(each.down)
            tensors[f"{key}.lora_up.weight"] = _stored(each.up)
            tensors[f"{key}.alpha"] = torch.tensor(float(len(each.down)), dtype=torch.float16)
        return tensors


_OF_UNET = re.compile(r"attentions\.")
_OF_TRANSFORMER = re.compile(r"^(?!.*(?:norm|adaLN))\w*(?:blocks|layers|refiner)\.\d+\.")

TRAINABLE: Mapping[str, Trainable] = {
    "stable_diffusion": Trainable("stable-diffusion-v1", "sd_v1"),
    "sd2": Trainable("stable-diffusion-v2", "sd_v2"),
    "sdxl": Trainable("stable-diffusion-xl-v1-base", "sdxl_base_v1-0"),
    "flux": Trainable("flux-1-dev"),
    "chroma": Trainable("chroma"),
    "sd3": Trainable("stable-diffusion-3"),
    "sd3.5": Trainable("stable-diffusion-3.5"),
    "z-image": Trainable("z-image"),
}
"""By family."""


def _stored(weights: Tensor) -> Tensor:
    return weights.detach().to("cpu", torch.float16).contiguous()
