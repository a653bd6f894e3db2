"""A trained LoRA as a file: the names that every program reads, and what such a file says about itself.

Metadata is named as in kohya's scripts (https://github.com/kohya-ss/sd-scripts, Apache-2.0) and by
https://github.com/Stability-AI/ModelSpec (MIT).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import safetensors.torch

from .. import __version__
from ..files.writing import write_atomically
from ..words.training import Training
from .learners import Learner
from .trainable import TRAINABLE, Trainable


def write_lora(path: Path, paths: Mapping[str, Learner], training: Training, native: int) -> int:
    """Writes the file, whole or not at all; its size in bytes. Raises OSError."""
    row = TRAINABLE[training.model.family]
    data = safetensors.torch.save(row.tensors(paths), _metadata(training, row, native))
    write_atomically(path, data)
    return len(data)


def _metadata(training: Training, row: Trainable, native: int) -> dict[str, str]:
    of_kohya = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(training.rank),
        "ss_network_alpha": str(training.rank),
        "ss_base_model_version": row.kohya,
        "modelspec.implementation": "https://github.com/kohya-ss/sd-scripts",
    }
    return (of_kohya if row.kohya else {}) | {
        "format": "pt",
        "ss_sd_model_name": training.model.name,
        "ss_output_name": training.name,
        "ss_num_train_images": str(len(training.pictures)),
        "ss_steps": str(training.steps),
        "ss_seed": str(training.seed),
        "ss_tag_frequency": json.dumps({training.name: {training.word: len(training.pictures)}}, ensure_ascii=False),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{row.architecture}/lora",
        "modelspec.title": training.name,
        "modelspec.trigger_phrase": training.word,
        "modelspec.resolution": f"{native}x{native}",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"imagine {__version__}",
    }
