"""In which widths a picture comes from an image encoder, and in which an image adapter takes it: what fits what.

The names are those of transformers, OpenCLIP and IP-Adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..words.entry import Entry
from .header import TensorInfo

_PATCHES = (("vision_model.embeddings.patch_embedding.weight", 0), ("visual.conv1.weight", 0))
_PROJECTIONS = (("visual_projection.weight", 0), ("visual.proj", 1))
_WITHIN = {
    "plus": (("image_proj.proj_in.weight", 1),),
    "full-face": (("image_proj.proj.0.weight", 1),),
    "faceid-plus": (("image_proj.perceiver_resampler.proj_in.weight", 1),),
    "redux": (("redux_up.weight", 1),),
    "timed": (("image_proj.proj_in.weight", 1),),
}
"""What takes a picture as it is within the encoder, by the variant of an adapter."""
_OWN_ENCODER = "image_encoder.visual_projection.weight"
"""With it an adapter's file holds its encoder, and needs none beside it."""
_PROJECTED = {"": (("image_proj.proj.weight", 1),), "xlabs": (("ip_adapter_proj_model.proj.weight", 1),)}


def views_of(kind: str, variant: str, tensors: Mapping[str, TensorInfo]) -> tuple[int, ...]:
    """As `Entry.views`; () where nothing tells them."""
    if kind == "image-encoder":
        widths = (_first(tensors, _PATCHES), _first(tensors, _PROJECTIONS))
    elif kind == "ip-adapter" and _OWN_ENCODER not in tensors:
        widths = (_first(tensors, _WITHIN.get(variant, ())), _first(tensors, _PROJECTED.get(variant, ())))
    else:
        return ()
    return widths if any(widths) else ()


def fits(adapter: Entry, encoder: Entry) -> bool:
    """Does the adapter take what the encoder makes of a picture?"""
    if not adapter.views or not encoder.views:
        return False
    return all(taken in (0, made) for taken, made in zip(adapter.views, encoder.views, strict=True))


def _first(tensors: Mapping[str, TensorInfo], sides: Sequence[tuple[str, int]]) -> int:
    """The first of these sides that is there; 0 for none."""
    shapes = ((tensors[name].shape, side) for name, side in sides if name in tensors)
    return next((shape[side] for shape, side in shapes if len(shape) > side), 0)
