"""The files of a diffusers folder, read with suspicion: small JSON, and weights as safetensors only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ...files.reading import read_file
from ...formats.folder_json import json_object
from ...messages import Message, message
from ...words.errors import ImagineError, UnusableModel
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
        note = error.note
        if isinstance(note, Message):
            note = msgspec.structs.replace(note, values=note.values | {"path": name})
        raise UnusableModel(note) from error
    try:
        return json_object(raw)
    except ValueError as error:
        raise UnusableModel(message("folder.object", name=name)) from error


def read_weights(folder: Path) -> list[CheckpointFile]:
    """The weights of one component, all shards: those without a variant in their name, else those of the only one.

    Raises UnusableModel where there are none, or pickled ones alone.
    """
    for index in sorted(folder.glob(f"*{SUFFIX}.index*.json")):
        shards = read_json(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) else set()
        if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise UnusableModel(message("folder.index", name=f"{folder.name}/{index.name}"))
        return [CheckpointFile(str(folder / name)) for name in sorted(names)]
    files = {file.name: file for file in sorted(folder.glob(f"*{SUFFIX}"))}
    for stem in _STEMS:
        if plain := files.get(stem + SUFFIX):
            return [CheckpointFile(str(plain))]
    if len(files) != 1:
        raise UnusableModel(_not_one(folder, files))
    return [CheckpointFile(str(file)) for file in files.values()]


def _not_one(folder: Path, files: dict[str, Path]) -> Message:
    if files:
        return message("folder.several", name=folder.name, files=", ".join(files))
    if any(file.suffix in PICKLES for file in folder.glob("*")):
        return message("folder.pickles_only", name=folder.name, suffix=SUFFIX)
    return message("folder.empty", name=folder.name, suffix=SUFFIX)
