"""What Ollama's clients are told of models: `/api/tags`, `/api/show`, `/api/ps`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...asking.imagefile import text_of
from ...asking.resolve import Defaults
from ...registry.memory_needed import memory_on
from ...words.entry import Entry
from ...words.frames import Room
from ..gateway.devices import HeldModel, expiry_of
from .answers import moment

CAPABILITIES = ["image"]
PULLED = {"status": "success"}
"""The last of a pull's lines, and the only one without a stream."""
FOREVER = 9_999_999_999.0
"""When a model that never goes is said to go, in Unix seconds: the year 2286."""
_QUANTIZATION = {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}


def model_from_entry(entry: Entry, name: str | None = None) -> dict[str, Any]:
    """A model in a list, under its own name or an alias."""
    called = name or entry.name
    return {
        "name": called,
        "model": called,
        "modified_at": moment(entry.modified),
        "size": entry.size,
        "digest": entry.digest or entry.header_digest,
        "details": details_from_entry(entry),
        "capabilities": CAPABILITIES,
    }


def details_from_entry(entry: Entry) -> dict[str, Any]:
    """Format, family and size."""
    return {
        "parent_model": entry.made.base,
        "format": entry.format,
        "family": entry.family,
        "families": [entry.family],
        "parameter_size": count_of(entry.parameters),
        "quantization_level": _QUANTIZATION.get(entry.dtype, entry.dtype.upper()),
    }


def shown_from_entry(entry: Entry, defaults: Defaults, rooms: Sequence[Room]) -> dict[str, Any]:
    """All that is known of a model; `parameters` are what a request that doesn't say it gets. `memory`, which Ollama
    hasn't, says what it needs of a device's, and how it is held on the one of these
    `rooms` that it fits best."""
    info: dict[str, Any] = {
        "general.architecture": entry.family,
        "general.basename": entry.name,
        "general.parameter_count": entry.parameters,
    }
    if entry.resolution:
        info[f"{entry.family}.image_size"] = entry.resolution
    return {
        "license": entry.made.license or entry.metadata.get("modelspec.license", ""),
        "modelfile": text_of(entry.name, entry.made),
        "parameters": _parameters_from(defaults),
        "template": "",
        "details": details_from_entry(entry),
        "model_info": info,
        "capabilities": CAPABILITIES,
        "modified_at": moment(entry.modified),
        "memory": memory_on(entry, rooms),
    }


def _parameters_from(defaults: Defaults) -> str:
    """A line of each, and as Ollama does it, one of every value where there are several."""
    lines = []
    for name, value in msgspec.structs.asdict(defaults).items():
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        lines += [f"{name:<30} {each}" for each in values]
    return "\n".join(lines)


def pulled_from_entry(entry: Entry) -> list[dict[str, Any]]:
    """The lines that tell of a pull: of a model that is here already, each part of it is whole at once."""
    digest = entry.digest.removeprefix("sha256:")
    part = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}"}
    return [
        {"status": "pulling manifest"},
        part | {"total": entry.size, "completed": entry.size},
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
        PULLED,
    ]


def loaded_from_entry(entry: Entry, held: Sequence[HeldModel], now: float) -> dict[str, Any]:
    """A loaded model; `now` is in Unix seconds."""
    left = expiry_of(held)
    return {
        "name": entry.name,
        "model": entry.name,
        "size": sum(each.model.size for each in held),
        "digest": entry.digest or entry.header_digest,
        "details": details_from_entry(entry),
        "expires_at": moment(FOREVER if left is None or left < 0 else now + left),
        "size_vram": sum(each.model.size for each in held if not each.on_cpu),
        "context_length": 0,
    }


def count_of(parameters: int) -> str:
    """As Ollama writes it: "859.52M", "2.6B"."""
    for unit, length, digits in ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 2)):
        if parameters >= unit:
            return f"{parameters / unit:.{digits}f}{length}"
    return str(parameters or "")
