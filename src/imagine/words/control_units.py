"""Controls as AUTOMATIC1111's ControlNet extension says them, in its requests and in pictures' text, and our names.

https://github.com/Mikubill/sd-webui-controlnet, `internal_controlnet/args.py` and `scripts/preprocessor/`; Forge, which
took it over, says them alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, get_args

from .map_words import map_meant, words_of
from .preprocessors import PREPROCESSORS, Preprocess
from .recipe import Resize

RESIZE_MODES: Mapping[Resize, str] = {"stretch": "Just Resize", "crop": "Crop and Resize", "fit": "Resize and Fill"}
_OLD_MODES: Mapping[str, Resize] = {
    "inner fit (scale to fit)": "crop", "scale to fit (inner fit)": "crop",
    "outer fit (shrink to fit)": "fit", "envelope (outer fit)": "fit",
}  # fmt: skip
_BY_MODE: Mapping[str, Resize] = {**{mode.lower(): ours for ours, mode in RESIZE_MODES.items()}, **_OLD_MODES}
_BY_NUMBER = tuple(RESIZE_MODES)
MODULES: Mapping[Preprocess, str] = {
    "lineart": "lineart_standard (from white bg & black line)", "scribble": "scribble_xdog",
    "invert": "invert (from white bg & black line)", "tile": "tile_resample", "blur": "blur_gaussian",
    "color": "t2ia_color_grid", "recolor": "recolor_luminance", "inpaint": "inpaint_only",
    "depth": "depth_anything_v2", "softedge": "softedge_hed", "pose": "openpose", "segmentation": "seg_ofade20k",
    "normal": "normal_midas",
}  # fmt: skip
"""What makes such maps there, where it isn't called as here."""
_OTHERWISE: frozenset[Preprocess] = frozenset(["normal", "pose", "segmentation"])
"""Made by other networks there."""
_SAME: Mapping[str, Preprocess] = {
    **{name: name for name in get_args(Preprocess)}, **{module: name for name, module in MODULES.items()},
    "invert": "invert", "lineart_standard": "lineart", "depth_anything": "depth",
}  # fmt: skip
_HASH = re.compile(r"[0-9a-fA-F]{6,64}\]")
"""What ends a model's name behind a bracket: the beginning of its SHA-256, as that program takes it."""
_OTHERS = frozenset(["clip", "ip", "reference", "revision", "instant"])
"""Words of modules that make no map: they look at a picture."""


class MapMaker(NamedTuple):
    """What makes the maps of a module here."""

    preprocess: Preprocess
    same: bool
    """In the same way."""


def model_called(text: str) -> str:
    """The file's name, without what is told of it."""
    name, bracket, behind = text.strip().rpartition("[")
    return name.rstrip() if bracket and _HASH.fullmatch(behind) else text.strip()


def resize_meant(value: object) -> Resize | None:
    """By its name or its number; None for none of theirs."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(_BY_NUMBER):
        return _BY_NUMBER[value]
    return _BY_MODE.get(value.strip().lower()) if isinstance(value, str) else None


def map_made(module: str) -> MapMaker | None:
    """What makes its maps here, or such; None where nothing does."""
    name = module.strip().lower()
    bare = name.partition("(")[0].rstrip() if name.endswith(")") else name  # behind it stands what it is for
    for said in (name, bare):
        if (ours := _SAME.get(said)) is not None:
            return MapMaker(ours, same=ours not in _OTHERWISE)
    words = words_of(bare)
    meant = None if words & _OTHERS else map_meant(words)
    return None if meant is None else MapMaker(meant, same=False)


def options_meant(made: MapMaker, first: object, second: object) -> dict[str, float]:
    """What their two thresholds tell what makes the map, by its names; below 0 they tell nothing."""
    if not made.same or made.preprocess == "lineart":  # whose numbers there are fixed
        return {}
    named = zip(PREPROCESSORS[made.preprocess].options, (first, second), strict=False)
    return {key: float(value) for key, value in named if isinstance(value, int | float) and value >= 0}


def thresholds_of(preprocess: Preprocess, options: Mapping[str, float]) -> tuple[float, ...]:
    """Their two thresholds, as far as what makes the map has them."""
    if preprocess == "lineart":
        return ()
    return tuple(options.get(key, option.default) for key, option in PREPROCESSORS[preprocess].options.items())[:2]
