"""VAEs that lie beside a checkpoint for it, under its name, as AUTOMATIC1111 has them: `NAME.vae.safetensors`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..words.entry import Entry
from .identify import CHECKPOINT

_MARK = ".vae"


def paired(entries: Sequence[Entry]) -> list[Entry]:
    """The same entries, each model with the name of its VAE where there is one and its sidecar names none."""
    beside = {
        (path.parent, path.stem.removesuffix(_MARK)): entry.name
        for entry in entries
        if entry.kind == "vae" and not entry.problem and (path := Path(entry.path)).stem.endswith(_MARK)
    }
    return [_with_vae(entry, beside) for entry in entries] if beside else list(entries)


def _with_vae(entry: Entry, beside: dict[tuple[Path, str], str]) -> Entry:
    path = Path(entry.path)
    model = (entry.kind == CHECKPOINT and entry.format != "diffusers") or entry.composes
    name = beside.get((path.parent, path.stem)) if model and not entry.vae else None
    if name is None:
        return entry
    return msgspec.structs.replace(entry, vae=name, needs=tuple(need for need in entry.needs if need != "vae"))
