"""The tables of `docs/a1111.md`, made from the dialect's own declarations."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from imagine.asking.checking import allowed
from imagine.server.a1111.describe import SHOWN
from imagine.server.a1111.fields import OF_PICTURES, OF_SECOND_PASSES, UNHEEDED, WebUIFields
from imagine.server.a1111.samplers import SCHEDULES, listed_samplers

Rows = list[list[str]]


def shared() -> tuple[Sequence[str], Rows]:
    """Its fields that are ours by another name."""
    return ["field", "ours"], [[f"`{name}`", f"`{field}`"] for name, field in SHOWN.items()]


def fields() -> tuple[Sequence[str], Rows]:
    """Its own."""
    info = msgspec.inspect.type_info(WebUIFields)
    assert isinstance(info, msgspec.inspect.StructType)
    declared = msgspec.json.schema(WebUIFields)["$defs"]["WebUIFields"]["properties"]
    rows = [
        [
            f"`{field.encode_name}`",
            _where(field.encode_name),
            str(allowed(field.type)),
            declared[field.encode_name].get("description", ""),
        ]
        for field in info.fields
    ]
    return ["field", "of", "what it can be", "what it means here"], rows


def unheeded() -> tuple[Sequence[str], Rows]:
    """What has no effect."""
    shown = {name: ", ".join(f"`{_json(value)}`" for value in dict.fromkeys(usual)) for name, usual in _plain().items()}
    return ["field", "says nothing when it is"], [[f"`{name}`", usual] for name, usual in shown.items()]


def samplers() -> tuple[Sequence[str], Rows]:
    """Samplers by both names."""
    rows = [[each["name"], ", ".join(f"`{alias}`" for alias in each["aliases"])] for each in listed_samplers()]
    return ["sampler", "also as"], rows


def schedules() -> tuple[Sequence[str], Rows]:
    """Schedules by each of their names."""
    return ["schedule", "also as"], [
        [each.label, ", ".join(f"`{name}`" for name in (each.name, *each.aliases))] for each in SCHEDULES
    ]


def _plain() -> dict[str, tuple[str, ...]]:
    return {name: tuple(_json(value) for value in usual) for name, usual in UNHEEDED.items()}


def _json(value: object) -> str:
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()


def _where(name: str) -> str:
    return "`img2img`" if name in OF_PICTURES else "`txt2img`" if name in OF_SECOND_PASSES else "both"
