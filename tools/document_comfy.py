"""The tables of `docs/comfyui.md`, made from the dialect's own declarations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from imagine.server.comfy.classes import ANYTHING, KINDS
from imagine.server.comfy.dialect import COMFY
from imagine.server.comfy.samplers import NAMES, SCHEDULERS
from imagine.server.http.paths import plain

Rows = list[list[str]]


def nodes() -> tuple[Sequence[str], Rows]:
    """The classes that are understood, by what they are for."""
    kinds = sorted(KINDS.values(), key=lambda kind: kind.category)
    return ["of", "nodes"], [
        [category, ", ".join(f"`{kind.name}`" for kind in group)]
        for category, group in groupby(kinds, key=lambda kind: kind.category)
    ]


def unheeded() -> tuple[Sequence[str], Rows]:
    """Inputs that have no effect here."""
    return ["node", "input", "says nothing when it is"], [
        [f"`{kind.name}`", f"`{slot.name}`", "whatever it is" if ANYTHING in slot.idle else _values(slot.idle)]
        for kind in KINDS.values()
        for slot in kind.inputs
        if slot.idle is not None
    ]


def samplers() -> tuple[Sequence[str], Rows]:
    """Samplers by both names."""
    return ["`sampler_name`", "ours"], [[f"`{theirs}`", f"`{ours}`"] for theirs, ours in NAMES.items()]


def schedulers() -> tuple[Sequence[str], Rows]:
    """Schedules by both names."""
    return ["`scheduler`", "ours"], [[f"`{theirs}`", f"`{ours}`"] for theirs, ours in SCHEDULERS.items()]


def paths() -> tuple[Sequence[str], Rows]:
    """What is answered."""
    return ["path", "what it does"], [[f"`{each.method} {plain(each.path)}`", each.summary] for each in COMFY.routes]


def _values(values: Sequence[object]) -> str:
    return ", ".join(f"`{msgspec.json.encode(value).decode()}`" for value in values)
