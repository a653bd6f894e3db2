"""What AUTOMATIC1111's ControlNet extension writes of each control into a picture's text, both ways.

    ControlNet 0: "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1, Threshold A: 100, …"

A text holds no picture to follow. Before 2023-08 it was `preprocessor: canny, model: …, starting/ending: (0, 1), …`.
https://github.com/Mikubill/sd-webui-controlnet, `scripts/infotext.py`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...messages import Message, message
from ...words.control_units import (
    MODULES,
    RESIZE_MODES,
    map_made,
    model_called,
    options_meant,
    resize_meant,
    thresholds_of,
)
from ...words.recipe import Control

_UNIT = re.compile(r"controlnet(?: (\d{1,2}))?", re.ASCII | re.IGNORECASE)
_PAIR = re.compile(r"\s*([A-Za-z][A-Za-z_ /]{0,30}):\s*(\([^()]*\)|[^,]*)(?:,|$)")
_NUMBER = re.compile(r"\d{1,10}(?:\.\d{1,20})?", re.ASCII)
_NAMES = {"module": "preprocessor"}
_LONGEST = 2000
"""Characters of one control that are read."""


def controls_written(recorded: object) -> dict[str, str]:
    """Of each control of a recipe what the text says, under what it stands there; {} for what is no list of them."""
    try:
        controls = msgspec.convert(recorded or [], list[Control])
    except msgspec.ValidationError:
        return {}
    return {f"ControlNet {place}": _written(each) for place, each in enumerate(controls)}


def _written(control: Control) -> str:
    first, second = (*thresholds_of(control.preprocess, control.options), None, None)[:2]
    pairs = {
        "Module": MODULES.get(control.preprocess, control.preprocess),
        "Model": f"{control.model} [{control.digest[:8]}]", "Weight": f"{control.strength:g}",
        "Resize Mode": RESIZE_MODES[control.resize],
        "Threshold A": None if first is None else f"{first:g}",
        "Threshold B": None if second is None else f"{second:g}",
        "Guidance Start": f"{control.start:g}", "Guidance End": f"{control.end:g}",
    }  # fmt: skip
    return ", ".join(f"{key}: {value}" for key, value in pairs.items() if value is not None)


def take_controls(pairs: dict[str, str], meta: dict[str, Any], warnings: list[Message]) -> None:
    """Moves them out of `pairs` into `meta`, without their pictures; what is no control of ours stays."""
    units = sorted((int(match[1] or 0), key) for key in pairs if (match := _UNIT.fullmatch(key)))
    controls = []
    for _, key in units:
        control = _read(pairs[key], key, warnings)
        if control is not None:
            controls.append(control)
            del pairs[key]
    if controls:
        meta["control"] = controls


def _read(text: str, key: str, warnings: list[Message]) -> dict[str, Any] | None:
    """One control as a recipe says it; None for what makes no map of a picture here."""
    said = _pairs(text)
    module, model = said.get("preprocessor", "none"), model_called(said.get("model", ""))
    made = map_made(module)
    if made is None or model.lower() in ("", "none"):
        return None
    if not made.same:
        warnings.append(message("control.made_as", key, module=module[:40], name=made.preprocess))
    options = options_meant(made, _number(said.get("threshold a")), _number(said.get("threshold b")))
    control: dict[str, Any] = {"model": model, "preprocess": made.preprocess}
    numbers = {"weight": "strength", "guidance start": "start", "guidance end": "end"}
    for theirs, ours in numbers.items():
        if (number := _number(said.get(theirs))) is not None:
            control[ours] = number
        elif theirs in said:
            warnings.append(message("infotext.number", key, key=theirs, value=said[theirs][:40]))
    if resize := resize_meant(said.get("resize mode")):
        control["resize"] = resize
    return control | ({"options": options} if options else {})


def _pairs(text: str) -> dict[str, str]:
    """By names in small letters, those of before under those of today."""
    found = [(match[1].strip().lower(), match[2].strip()) for match in _PAIR.finditer(text[:_LONGEST])]
    said = {_NAMES.get(name, name): value for name, value in found}
    start, _, end = said.pop("starting/ending", "").strip("()").partition(",")
    several = said.pop("preprocessor params", "").strip("()").split(",")
    before = {"guidance start": start, "guidance end": end}
    if len(several) == 3:
        before |= {"threshold a": several[1], "threshold b": several[2]}
    return {name: value.strip() for name, value in before.items() if value.strip()} | said


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None
