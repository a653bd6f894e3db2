"""The files of a diffusers folder, read with suspicion: small JSON, and weights as safetensors only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from imagine.errors import ImagineError, UnusableModel
from imagine.files.reading import read_file

from .checkpoint_file import SUFFIX, CheckpointFile

INDEX = "model_index.json"
MAX_JSON_BYTES = 4_000_000
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_STEMS = ("diffusion_pytorch_model", "model")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a small file. Raises UnusableModel where there is none."""
    name = f"{path.parent.name}/{path.name}"
    try:
        raw = read_file(path, MAX_JSON_BYTES)
    except ImagineError as error:
        raise UnusableModel(f"its {name} {str(error).removeprefix(str(path)).lstrip()}") from error
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UnusableModel(f"its {name} is not a JSON object") from error


def read_weights(folder: Path) -> list[CheckpointFile]:
    """The weights of one component, all shards: those without a variant in their name, else those of the only one.

    Raises UnusableModel where there are none, or pickled ones alone.
    """
    for index in sorted(folder.glob(f"*{SUFFIX}.index*.json")):
        shards = read_json(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) else set()
        if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise UnusableModel(f"its {folder.name}/{index.name} names no files of its folder")
        return [CheckpointFile(str(folder / name)) for name in sorted(names)]
    files = {file.name: file for file in sorted(folder.glob(f"*{SUFFIX}"))}
    for stem in _STEMS:
        if plain := files.get(stem + SUFFIX):
            return [CheckpointFile(str(plain))]
    if len(files) != 1:
        raise UnusableModel(f"its folder '{folder.name}' {_what_is_there(folder, files)}")
    return [CheckpointFile(str(file)) for file in files.values()]


def tensors_of(files: list[CheckpointFile]) -> dict[str, Tensor]:
    """All shards' tensors together."""
    return {name: tensor for file in files for name, tensor in file.tensors.items()}


def _what_is_there(folder: Path, files: dict[str, Path]) -> str:
    if files:
        return f"holds several weights and none is the plain one: {', '.join(files)}"
    if any(file.suffix in PICKLES for file in folder.glob("*")):
        return f"holds pickled weights only, which are never opened; it needs {SUFFIX} files"
    return f"holds no {SUFFIX} file"
