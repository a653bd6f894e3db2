"""What makes a map of a picture for a control, by name."""

from __future__ import annotations

from typing import Literal

Preprocess = Literal[
    "none", "canny", "lineart", "scribble", "invert", "tile", "blur", "color", "recolor", "grayscale", "threshold",
    "inpaint", "depth", "pose", "softedge", "segmentation", "normal",
]  # fmt: skip
"""`none`: the picture is the map itself."""
