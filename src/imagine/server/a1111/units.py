"""`alwayson_scripts`: the units of its ControlNet extension, as controls; other scripts are named and do nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...asking.checking import refusal
from ...messages import Message, message
from ...words.errors import BadRequest
from .fields import EMPTY

FIELD = "alwayson_scripts"
_CONTROLNET = "controlnet"
_MEANS_NOTHING = frozenset(
    ["is_ui", "inpaint_crop_input_image", "guessmode", "use_preview_as_input", "generated_image", "loopback",
     "input_mode", "batch_images", "batch_image_dir", "batch_input_gallery", "output_dir"]
)  # fmt: skip
_RESOLUTION = "processor_res"
_USUAL_RESOLUTIONS = (-1, 0, 512)


class Scripts(NamedTuple):
    """What is asked for beside the picture itself."""

    control: list[dict[str, Any]]
    """As `parse` takes them, by that extension's names."""
    unheeded: list[str]
    warnings: list[Message]


def scripts_in(said: Mapping[str, Any], img: str | None) -> Scripts:
    """What the scripts ask for; a unit without a picture follows `img`. Raises BadRequest for what is no script."""
    scripts = Scripts([], [], [])
    for name, script in said.items():
        if not isinstance(script, Mapping):
            raise BadRequest(refusal(FIELD, script, message("value.object")).note.called(f"{FIELD}.{name[:40]}"))
        args = script.get("args") or []
        if name.strip().lower() != _CONTROLNET:
            scripts.unheeded.extend([f"{FIELD}.{name[:40]}"] if args else [])
            continue
        units = args if isinstance(args, list) else [args]
        for unit in units:
            _take_unit(unit, img, scripts)
    return scripts


def _take_unit(unit: object, img: str | None, scripts: Scripts) -> None:
    if not isinstance(unit, Mapping):
        raise BadRequest(refusal(FIELD, unit, message("value.object")).note.called(f"{FIELD}.controlnet.args"))
    part = {name: value for name, value in unit.items() if value is not None and name not in _MEANS_NOTHING}
    if part.get("enabled") is False:
        return
    if part.get("model", "") in EMPTY:
        scripts.warnings.append(message("webui.no_map", "control"))
        return
    part.setdefault("module", "none")
    if part.get(_RESOLUTION) in _USUAL_RESOLUTIONS:
        del part[_RESOLUTION]
    shown = next((name for name in ("image", "input_image") if part.get(name)), None)
    for name in ("image", "input_image"):
        if name in part and name != shown:
            del part[name]
    if shown is None and img is not None:
        part["image"] = img
    scripts.control.append(part)
