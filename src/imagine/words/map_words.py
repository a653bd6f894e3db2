"""The words by which files of controls tell what maps they are for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .preprocessors import Preprocess

_OTHERS: Mapping[Preprocess, tuple[str, ...]] = {
    "canny": ("edge", "edges"),
    "lineart": ("line", "lines"),
    "scribble": ("scribbles", "sketch"),
    "tile": (),
    "blur": (),
    "color": ("colour",),
    "recolor": ("recolour", "colorize"),
    "grayscale": ("gray", "grey", "luminance"),
    "threshold": ("shapes", "silhouette", "silhouettes"),
    "inpaint": ("inpainting", "repaint"),
    "depth": ("midas", "zoe", "leres", "depthanything"),
    "pose": ("openpose", "dwpose"),
    "softedge": ("hed", "pidi", "pidinet", "softedges"),
    "segmentation": ("seg", "ade20k"),
    "normal": ("normalbae", "normalmap", "bae"),
}
"""By what makes such maps, other words for them."""
UNION_KINDS: Mapping[str, int] = {
    "pose": 0, "openpose": 0, "depth": 1, "softedge": 2, "hed": 2, "scribble": 2, "canny": 3, "lineart": 3, "mlsd": 3,
    "normal": 4, "segmentation": 5, "tile": 6, "blur": 6, "inpaint": 7, "repaint": 7,
}  # fmt: skip
"""Which of a union's tasks each kind of map is, as xinsir trained them
(https://huggingface.co/xinsir/controlnet-union-sdxl-1.0, Apache-2.0)."""
_FLUX_KINDS: Mapping[str, int] = {
    "canny": 0, "tile": 1, "depth": 2, "blur": 3, "pose": 4, "openpose": 4, "grayscale": 5, "gray": 5, "lq": 6,
}  # fmt: skip
"""The same as InstantX and Shakker Labs trained them; `lq` is a picture of low quality
(https://huggingface.co/InstantX/FLUX.1-dev-Controlnet-Union)."""
_UNION = "union"
_MEANT = {word: name for name, others in _OTHERS.items() for word in (name, *others)}


def union_kinds(family: str) -> Mapping[str, int]:
    """What a family's unions call each kind of map that they know."""
    return _FLUX_KINDS if family == "flux" else UNION_KINDS


def is_for_several(name: str, variant: str) -> bool:
    """Is a control of that name for several kinds of maps? Some are told the kind by what the map looks like alone, and
    only their name says so."""
    return _UNION in {variant, *words_of(name)}


def words_of(name: str) -> set[str]:
    """The words that a file is called by, of its name without folders."""
    return set(filter(None, re.split(r"[^a-z0-9]+", name.rpartition("/")[2].lower())))


def map_meant(words: set[str]) -> Preprocess | None:
    """What makes the maps that words such as a file's speak of; None where none of them says."""
    return next((name for name, others in _OTHERS.items() if words & {name, *others}), None)


def alike(word: str) -> set[str]:
    """The word, and others for the same maps."""
    meant = _MEANT.get(word)
    return {word} if meant is None else {meant, *_OTHERS[meant]}
