"""The tables of `docs/huggingface.md`, made from the dialect's own declarations."""

from __future__ import annotations

from collections.abc import Sequence

from imagine.server.huggingface.requests import CLASSES, NAMED, OWN_NAMES

Rows = list[list[str]]


def fields() -> tuple[Sequence[str], Rows]:
    """Our fields, by the names that this dialect's users know."""
    names: dict[str, list[str]] = {}
    for field, name in (*NAMED.items(), *((field, name) for name, field in OWN_NAMES.items())):
        if field != "img" and name not in names.setdefault(field, []):
            names[field].append(name)
    rows = [[", ".join(f"`{name}`" for name in also), f"`{field}`"] for field, also in names.items() if also]
    return ["here", "our field"], [*rows, ["`target_size`", "`width`, `height`"]]


def schedulers() -> tuple[Sequence[str], Rows]:
    """The sampler that each class of diffusers is."""
    return ["class", "sampler"], [[f"`{each}`", f"`{CLASSES[each]}`"] for each in sorted(CLASSES)]
