"""What a node's class is, as `/object_info` tells it: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .classes import KINDS, Listed, NodeKind, Slot

Choices = Mapping[Listed, Sequence[str]]


def object_info(choices: Choices) -> dict[str, Any]:
    """Every class."""
    return {name: class_info(kind, choices) for name, kind in KINDS.items()}


def class_info(kind: NodeKind, choices: Choices) -> dict[str, Any]:
    """One class."""
    inputs: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
    for slot in kind.inputs:
        inputs["required" if slot.required else "optional"][slot.name] = _declared(slot, choices)
    inputs = {group: slots for group, slots in inputs.items() if slots or group == "required"}
    return {
        "input": inputs,
        "input_order": {group: [*slots] for group, slots in inputs.items()},
        "output": [*kind.outputs],
        "output_is_list": [False] * len(kind.outputs),
        "output_name": [*kind.outputs],
        "name": kind.name,
        "display_name": kind.title,
        "description": "",
        "python_module": "nodes",
        "category": kind.category,
        "output_node": kind.shows,
    }


def _declared(slot: Slot, choices: Choices) -> list[Any]:
    bounds = {"min": slot.least, "max": slot.most}
    told: dict[str, Any] = {name: value for name, value in bounds.items() if value is not None}
    told |= {"default": slot.default} if slot.default is not None else {}
    if slot.kind == "FLOAT":
        told["step"] = 0.01
    if slot.kind == "STRING":
        told["multiline"] = True
    if slot.kind != "COMBO":
        return [slot.kind, told] if told else [slot.kind]
    listed = [*choices[slot.choices]] if isinstance(slot.choices, str) else [*slot.choices]
    if slot.choices == "input":
        told["image_upload"] = True
    return [listed, told] if told else [listed]
