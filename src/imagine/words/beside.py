"""What an engine runs beside a denoiser, by the variants that the registry tells: the families of denoisers for each.

What doesn't stand here is refused before it is queued.
"""

from __future__ import annotations

from collections.abc import Mapping

from .entry import Entry

_UNETS = frozenset({"stable_diffusion", "sd2", "sdxl"})
CONTROLS: Mapping[str, frozenset[str]] = {
    "": _UNETS | {"sd3", "sd3.5", "flux", "z-image", "qwen-image"},
    "union": _UNETS | {"flux"},
    **dict.fromkeys(("t2i-adapter", "control-lora"), _UNETS),
    "large": frozenset({"sd3.5"}),
    "medium": frozenset({"sd3.5"}),
    "xlabs": frozenset({"flux"}),
}
"""Of ControlNets and their relatives."""
_SIZES = frozenset({"large", "medium"})
"""Variants of models, and of what goes beside those alone."""
REDUX = "redux"
"""The image adapter whose tokens stand among those of the prompt."""
TIMED = "timed"
"""The image adapter whose tokens follow from the step."""
IMAGE_ADAPTERS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("", "plus", "full-face", "faceid", "faceid-plus", "faceid-portrait"), _UNETS),
    **dict.fromkeys(("xlabs", REDUX), frozenset({"flux"})),
    TIMED: frozenset({"sd3.5"}),
}
"""Of IP-Adapters and theirs."""
UNCLIP = "unclip"
"""The variant whose denoiser is shown a picture's embedding beside the prompt (stable unCLIP)."""
ATTENDS: Mapping[str, frozenset[str]] = {
    UNCLIP: frozenset({"sd2"}),
    "kontext": frozenset({"flux"}),
    **dict.fromkeys(("edit", "edit-2509", "edit-2511"), frozenset({"qwen-image"})),
    **dict.fromkeys(
        ("", "dev", "klein-4b", "klein-9b", "klein-9b-kv", "klein-base", "klein-base-4b", "klein-base-9b"),
        frozenset({"flux2"}),
    ),
}
"""Of models that attend to reference pictures themselves, by their variant."""
OWN_MAPS: Mapping[str, frozenset[str]] = dict.fromkeys(("control", "canny", "depth"), frozenset({"flux"}))
"""Of models whose denoiser sees a map itself, by their variant."""
CONTROL = "control"
"""The variant of LoRAs that have a FLUX.1 see a map beside the latents (Black Forest Labs' Depth and Canny)."""
SECOND_SEEDS: frozenset[str] = _UNETS | {
    "sdxl_refiner", "flux", "flux2", "chroma", "sd3", "sd3.5", "z-image", "qwen-image",
}  # fmt: skip
"""Families whose noise can be drawn from two seeds."""

TILES: frozenset[str] = _UNETS | {"sdxl_refiner"}
"""Families whose pictures' edges can meet: all that they know of places is what their convolutions see around them."""


def runs(table: Mapping[str, frozenset[str]], file: Entry, model: Entry) -> bool:
    """Can this file be run beside this model's denoiser, as far as its kind says?"""
    return (file.family or model.family) in table.get(file.variant, ())


def made_for(entry: Entry) -> str:
    """Which of its family's sizes a model is, or a file goes beside; "" where that doesn't matter, or isn't known."""
    return entry.variant if entry.variant in _SIZES else "large" if entry.variant == TIMED else ""


def is_made_for(file: Entry, model: Entry) -> bool:
    """Is it for a model of that size, as far as both say?"""
    return made_for(file) == made_for(model) or not made_for(file) or not made_for(model)


def attends(model: Entry) -> bool:
    """Does it attend to reference pictures itself?"""
    return model.family in ATTENDS.get(model.variant, ())


def takes_map(model: Entry) -> bool:
    """Does its denoiser see a map itself?"""
    return model.family in OWN_MAPS.get(model.variant, ())


def shows_map(file: Entry) -> bool:
    """Is it a LoRA that has a model's denoiser see a map?"""
    return file.kind == "lora" and file.variant == CONTROL


def attends_to_squares(model: Entry) -> bool:
    """Does it do so by an image encoder, which sees squares, and whose embeddings have a mean?"""
    return attends(model) and model.variant == UNCLIP
