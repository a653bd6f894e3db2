"""What models take of the disk: each file once, whatever names it has and whoever uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .table import size_of


def parts_of(entry: Mapping[str, Any]) -> list[str]:
    """The names of the files that a model is put together with."""
    return [name for name in (entry.get("vae"), *entry.get("encoders", ())) if name]


def parts_column(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By the names of the models in `found`, what their parts take beside them, and whether others use those too."""
    sizes = {each["name"]: each.get("size", 0) for each in found}
    users = Counter(name for each in found for name in {*parts_of(each)})
    told = {}
    for each in found:
        parts = [name for name in dict.fromkeys(parts_of(each)) if name in sizes]
        shared = ", shared" if any(users[name] > 1 for name in parts) else ""
        told[each["name"]] = f"{size_of(sum(sizes[name] for name in parts))}{shared}" if parts else ""
    return told


def size_column(entry: Mapping[str, Any]) -> str:
    """What its files take, and whose they are besides."""
    same, base = entry.get("same_as") or [], _base_of(entry)
    return size_of(entry["size"]) + (f", of {base}" if base else f", the same as {same[0]}" if same else "")


def on_disk(found: Sequence[Mapping[str, Any]]) -> int:
    """Bytes that all of them take: those of several names once, and none for what is put together of others, or
    lies with another server."""
    counted, total = set[str](), 0
    for each in found:
        is_elsewhere = "place" in each
        if not is_elsewhere and not counted & {*(each.get("same_as") or [])} and not _base_of(each):
            total += each["size"]
        counted.add(each["name"])
    return total


def _base_of(entry: Mapping[str, Any]) -> str:
    """The model whose files a named one draws with."""
    return str((entry.get("made") or {}).get("from") or "")
