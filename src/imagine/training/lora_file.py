"""A trained LoRA as a file: the names that every program reads, and what such a file says about itself.

Tensors are named as in kohya's scripts (https://github.com/kohya-ss/sd-scripts, Apache-2.0), metadata by them and by
https://github.com/Stability-AI/ModelSpec (MIT).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from .. import __version__
from ..files.writing import write_atomically
from ..words.training import Training
from .learners import Learner

_ARCHITECTURES = {
    "stable_diffusion": ("sd_v1", "stable-diffusion-v1"),
    "sd2": ("sd_v2", "stable-diffusion-v2"),
    "sdxl": ("sdxl_base_v1-0", "stable-diffusion-xl-v1-base"),
}
"""By family: as kohya's scripts and as ModelSpec name it."""
FAMILIES = frozenset(_ARCHITECTURES)
"""Those that can be trained."""


def write_lora(path: Path, paths: Mapping[str, Learner], training: Training, native: int) -> int:
    """Writes the file, whole or not at all; its size in bytes. Raises OSError."""
    tensors: dict[str, Tensor] = {}
    for name, each in paths.items():
        key = f"lora_unet_{name.replace('.', '_')}"
        tensors[f"{key}.lora_down.weight"] = _stored(each.down)
        tensors[f"{key}.lora_up.weight"] = _stored(each.up)
        tensors[f"{key}.alpha"] = torch.tensor(float(len(each.down)), dtype=torch.float16)
    data = safetensors.torch.save(tensors, _metadata(training, native))
    write_atomically(path, data)
    return len(data)


def _stored(weights: Tensor) -> Tensor:
    return weights.detach().to("cpu", torch.float16).contiguous()


def _metadata(training: Training, native: int) -> dict[str, str]:
    kohya, spec = _ARCHITECTURES[training.model.family]
    return {
        "format": "pt",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(training.rank),
        "ss_network_alpha": str(training.rank),
        "ss_base_model_version": kohya,
        "ss_sd_model_name": training.model.name,
        "ss_output_name": training.name,
        "ss_num_train_images": str(len(training.pictures)),
        "ss_steps": str(training.steps),
        "ss_seed": str(training.seed),
        "ss_tag_frequency": json.dumps({training.name: {training.word: len(training.pictures)}}, ensure_ascii=False),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{spec}/lora",
        "modelspec.implementation": "https://github.com/kohya-ss/sd-scripts",
        "modelspec.title": training.name,
        "modelspec.trigger_phrase": training.word,
        "modelspec.resolution": f"{native}x{native}",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"imagine {__version__}",
    }
