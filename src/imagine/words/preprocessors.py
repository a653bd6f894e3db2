"""What makes a map of a picture for a control, by name: what it can be told, and which files do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from .model import Component, Model, Role

Preprocess = Literal[
    "none", "canny", "lineart", "scribble", "invert", "tile", "blur", "color", "recolor", "grayscale", "threshold",
    "inpaint", "depth", "pose", "softedge", "segmentation", "normal",
]  # fmt: skip
"""`none`: the picture is the map itself."""
NONE: Preprocess = "none"
INPAINT: Preprocess = "inpaint"
PREPROCESSOR: Role = "preprocessor"
"""What the registry calls a file that makes maps, and what it is to a model."""
PLAIN = "weightless"
"""The family of those that a worker has without a file."""


class MapOption(NamedTuple):
    """A number that a preprocessor can be told, under the name that the field has for it."""

    default: float
    least: float
    most: float
    what: str


class Preprocessor(NamedTuple):
    """One of them. `families` are those of the files that make its maps: none where it needs none, or none is known."""

    what: str
    options: Mapping[str, MapOption] = {}
    families: tuple[str, ...] = ()
    file: str = ""
    """A file that does it, as it is published; "": none is known here."""
    alone: bool = True
    """It needs no file."""


_DEPTH = ("depth-anything",)
_DEPTH_FILE = "depth-anything/Depth-Anything-V2-Small-hf (model.safetensors)"

PREPROCESSORS: Mapping[str, Preprocessor] = {
    NONE: Preprocessor("the picture is the map"),
    "canny": Preprocessor(
        "thin edges, as OpenCV's Canny",
        {
            "low_threshold": MapOption(100, 0, 2040, "an edge goes on where the gradient is above this"),
            "high_threshold": MapOption(200, 0, 2040, "an edge begins where the gradient is above this"),
        },
    ),
    "lineart": Preprocessor(
        "dark lines of a drawing or a photo, white on black",
        {
            "sigma": MapOption(6, 0.5, 16, "pixels: what a line stands out from"),
            "intensity_threshold": MapOption(8, 0, 255, "fainter differences don't count for what is a line"),
        },
    ),
    "scribble": Preprocessor(
        "broad strokes of a photo or a drawing, white on black",
        {"threshold": MapOption(32, 1, 255, "how much darker than around it a stroke is, doubled")},
    ),
    "invert": Preprocessor("the negative, for black lines on white"),
    "tile": Preprocessor(
        "the picture itself, coarser if asked for",
        {"down_sampling_rate": MapOption(1, 1, 8, "how many times smaller a side it is made, and enlarged again")},
    ),
    "blur": Preprocessor("the picture blurred", {"sigma": MapOption(9, 0.1, 64, "pixels")}),
    "color": Preprocessor("its colours, a square of 64 pixels each"),
    "recolor": Preprocessor("its lightness, to be coloured", {"gamma": MapOption(1, 0.1, 2, "below 1 is lighter")}),
    "grayscale": Preprocessor("the picture in shades of gray"),
    "threshold": Preprocessor(
        "white where it is bright, else black",
        {"threshold": MapOption(127, 0, 254, "white is where all three colours are above this")},
    ),
    INPAINT: Preprocessor("the picture, with holes where to paint"),
    "depth": Preprocessor("how near everything is: near is white", {}, _DEPTH, _DEPTH_FILE, alone=False),
    "normal": Preprocessor(
        "where surfaces face, by their depths: front blue, left red, up green",
        {"bg_threshold": MapOption(0.4, 0, 1, "what is farther faces the front")},
        _DEPTH, _DEPTH_FILE, alone=False,
    ),
    "softedge": Preprocessor(
        "soft edges, as HED's", {}, ("hed",), "lllyasviel's ControlNetHED as .safetensors", alone=False
    ),
    "pose": Preprocessor("skeletons of people", alone=False),
    "segmentation": Preprocessor("a colour for each kind of thing, as ADE20K has them", alone=False),
}  # fmt: skip
"""By name. The thresholds' defaults, and what the numbers mean, are those of OpenCV and of AUTOMATIC1111's extension
for ControlNets, so that what is said there holds here."""


def options_of(name: str, said: Mapping[str, float]) -> dict[str, float]:
    """All that a preprocessor is told, what isn't said included."""
    told = {key: said.get(key, option.default) for key, option in PREPROCESSORS[name].options.items()}
    return {key: int(value) if value == int(value) else value for key, value in told.items()}


def plain(name: str) -> Model:
    """One that needs no file, as a worker is told of it: a model of nothing."""
    return Model(name=name, family=PLAIN, components=(Component(role=PREPROCESSOR, path=""),))
