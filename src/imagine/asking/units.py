"""A control as AUTOMATIC1111's ControlNet extension is asked for one (a "unit"), as we are asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from ..messages import Message, message
from ..words.control_units import map_made, options_meant, resize_meant

_THRESHOLDS = ("threshold_a", "threshold_b")
_MODULE, _RESIZE_MODE = "module", "resize_mode"
_MEANS_NOTHING = frozenset(["low_vram", "lowvram", "save_detected_map"])
"""How that program goes about it, whatever is said."""
_USUAL: Mapping[str, tuple[object, ...]] = {
    "control_mode": ("Balanced", 0), "hr_option": ("Both", "HiResFixOption.BOTH", 0), "pixel_perfect": (True,),
}  # fmt: skip
"""What is said there of what is always so here."""


def as_asked_here(
    part: Mapping[str, object], spelled: Mapping[str, str], path: str
) -> tuple[dict[str, object] | None, list[Message]]:
    """`part`, whose names are ours already, with our values, and warnings; None for a unit that isn't enabled.

    `spelled` are the names that it was said by: only what has that program's name has its values. What has none here
    stays, to be refused or named.
    """
    if part.get("enabled") is False:
        return None, []
    said, warnings = dict(part), list[Message]()
    if said.get("enabled") is True:
        del said["enabled"]
    for name in [name for name in said if name in _MEANS_NOTHING or said[name] in _USUAL.get(name, ())]:
        if name == "pixel_perfect":
            said.pop("processor_res", None)
        del said[name]
    if isinstance(shown := said.get("image"), Mapping) and shown.keys() <= {"image", "mask"}:
        said |= {name: value for name, value in shown.items() if value is not None}
    if spelled.get("resize") == _RESIZE_MODE:
        said["resize"] = resize_meant(said["resize"]) or said["resize"]
    if spelled.get("preprocess") == _MODULE:
        warnings = _with_map(said, path)
    return said, warnings


def _with_map(said: dict[str, object], path: str) -> list[Message]:
    """Puts what makes the map there under our name, with its numbers under theirs."""
    module = said["preprocess"]
    made = map_made(module) if isinstance(module, str) else None
    if made is None:
        return []
    said["preprocess"] = made.preprocess
    if options := options_meant(made, *(said.pop(name, None) for name in _THRESHOLDS)):
        said.setdefault("options", options)
    if made.same:
        return []
    return [message("control.made_as", f"{path}.{_MODULE}", module=str(module)[:40], name=made.preprocess)]
