"""What that program's clients are told of files: models, what goes beside them, what enlarges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...asking.presets import Preset
from ...registry.composition import TEXT_ENCODER, VAE
from ...registry.identify import LORA
from ...words.entry import Entry
from ...words.upscalers import UPSCALER
from ..orders.controls import CONTROLNET
from ..orders.embeddings import EMBEDDING
from .second_pass import NONE, PLAIN_UPSCALERS

_SUFFIXES = {"safetensors": ".safetensors", "gguf": ".gguf"}
_HASH = 10
"""Digits of a digest that stand behind a title."""
_TIMES = 4
"""How much a network of that program usually enlarges."""


def file_of(entry: Entry) -> str:
    """The file's name: where it lies is nobody's business."""
    return entry.name + _SUFFIXES.get(entry.format, "")


def title_of(entry: Entry) -> str:
    """A model as that program names it: its file, with the beginning of its SHA-256 where that is known."""
    return f"{file_of(entry)} [{entry.file_digest[:_HASH]}]" if entry.file_digest else file_of(entry)


def model_from(entry: Entry, name: str | None = None) -> dict[str, Any]:
    """A model in a list, under its own name or an alias."""
    return {
        "title": title_of(entry) if name is None else name,
        "model_name": name or entry.name,
        "hash": entry.file_digest[:_HASH] or None,
        "sha256": entry.file_digest or None,
        "filename": file_of(entry),
        "config": None,
    }


def vaes_from(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """VAEs."""
    return [_named(entry) for entry in _usable(entries, VAE)]


def modules_from(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What Forge takes beside a model: VAEs and text encoders."""
    return [_named(entry) for entry in _usable(entries, VAE, TEXT_ENCODER)]


def _named(entry: Entry) -> dict[str, Any]:
    return {"model_name": file_of(entry), "filename": file_of(entry)}


def loras_from(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """LoRAs and their relatives."""
    return [
        {"name": entry.name, "alias": entry.name, "path": file_of(entry), "metadata": dict(entry.metadata)}
        for entry in _usable(entries, LORA)
    ]


def embeddings_from(entries: Iterable[Entry]) -> dict[str, Any]:
    """Words that stand for embeddings; which model each goes with is told when it is asked for."""
    loaded = {
        entry.name: {
            "step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": entry.context, "vectors": 1,
        }
        for entry in _usable(entries, EMBEDDING)
    }  # fmt: skip
    return {"loaded": loaded, "skipped": {}}


def upscalers_from(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What enlarges pictures: "None" first, as programs expect, then those without a file, then the files."""
    listed = [_upscaler(name, 1 if name == NONE else _TIMES) for name in PLAIN_UPSCALERS]
    return listed + [_upscaler(entry.name, _TIMES, file_of(entry)) for entry in _usable(entries, UPSCALER)]


def _upscaler(name: str, scale: int, file: str | None = None) -> dict[str, Any]:
    return {"name": name, "model_name": None if file is None else name, "model_path": file, "model_url": None} | {
        "scale": scale
    }


def styles_from(presets: Sequence[Preset]) -> list[dict[str, Any]]:
    """Presets, with `{prompt}` where the prompt comes."""
    return [
        {
            "name": preset.name,
            "prompt": _around(preset),
            "negative_prompt": preset.neg or "",
        }
        for preset in presets
    ]


def control_models(entries: Iterable[Entry]) -> list[str]:
    """ControlNets and their relatives."""
    return [entry.name for entry in _usable(entries, CONTROLNET)]


def _around(preset: Preset) -> str:
    parts = (preset.prompt_prefix, "{prompt}", preset.prompt_suffix)
    return " ".join(filter(None, (part.strip() for part in parts)))


def _usable(entries: Iterable[Entry], *kinds: str) -> list[Entry]:
    return [entry for entry in entries if entry.kind in kinds and entry.problem is None]
