"""Networks that make maps of pictures for controls: of depths, of soft edges.

Depth Anything by transformers' names or its authors' (Apache-2.0, https://github.com/DepthAnything/Depth-Anything-V2),
its variant by the width of its tokens; HED as ControlNet's authors trained it anew (Apache-2.0,
https://huggingface.co/lllyasviel/Annotators).
"""

from __future__ import annotations

from collections.abc import Mapping

from .header import TensorInfo
from .signatures import Detected, TensorView, rows

_DEPTH = ("neck.reassemble_stage.layers.0.projection.weight", "head.conv3.weight")
_CLASS = "backbone.embeddings.cls_token"
_OWN_DEPTH = ("depth_head.projects.0.weight", "depth_head.scratch.output_conv1.weight")
_OWN_CLASS = "pretrained.cls_token"
_WIDTHS = (("small", 384), ("base", 768), ("large", 1024))
_PREPROCESSORS = rows(
    *(("depth-anything", size, (_CLASS, 2, width), *_DEPTH) for size, width in _WIDTHS),
    ("depth-anything", "", _CLASS, *_DEPTH),
    *(("depth-anything", size, (_OWN_CLASS, 2, width), *_OWN_DEPTH) for size, width in _WIDTHS),
    ("depth-anything", "", _OWN_CLASS, *_OWN_DEPTH),
    ("hed", "", "norm", "block1.convs.0.weight", "block1.projection.weight", "block5.projection.weight"),
)


def find_preprocessor(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A network that makes maps, what it is told as its family, else None."""
    row = TensorView(tensors).first(_PREPROCESSORS)
    return None if row is None else Detected("preprocessor", row.family, row.variant)
