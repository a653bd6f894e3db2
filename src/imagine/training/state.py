"""Where a training is, on disk: tensors by name and a few numbers, in a safetensors file that is whole or absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import safetensors.torch
from torch import Tensor

from ..files.writing import write_atomically

_KEY = "training"


def keep(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, object]) -> None:
    """Replaces what was kept. Raises OSError."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {_KEY: msgspec.json.encode(about).decode()}
    write_atomically(path, safetensors.torch.save(plain, metadata), mode=0o600)


def told(path: Path) -> dict[str, object] | None:
    """What was said about the tensors, without them; None as of `kept`."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return _about(file.metadata())
    except (OSError, safetensors.SafetensorError, msgspec.DecodeError):
        return None


def kept(path: Path) -> tuple[dict[str, Tensor], dict[str, object]] | None:
    """The tensors, on the CPU, and what was said about them; None where nothing was kept, or it can't be read."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = _about(file.metadata())
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 - it is no mapping
    except (OSError, safetensors.SafetensorError, msgspec.DecodeError):
        return None


def _about(metadata: Mapping[str, str] | None) -> dict[str, object]:
    return msgspec.json.decode((metadata or {}).get(_KEY, ""), type=dict[str, object])
