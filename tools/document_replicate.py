"""The table of `docs/replicate.md`, made from the dialect's own declarations."""

from __future__ import annotations

from collections.abc import Sequence

from imagine.server.replicate.requests import NAMED, OWN_NAMES

Rows = list[list[str]]


def fields() -> tuple[Sequence[str], Rows]:
    """Our fields, by the names that this dialect's users know."""
    names: dict[str, list[str]] = {}
    for field, name in (*NAMED.items(), *((field, name) for name, field in OWN_NAMES.items())):
        if name not in names.setdefault(field, []):
            names[field].append(name)
    rows = [[", ".join(f"`{name}`" for name in also), f"`{field}`"] for field, also in names.items()]
    return ["here", "our field"], rows
