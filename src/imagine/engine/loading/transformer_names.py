"""A transformer's tensors under diffusers' names, whichever layout and prefix its file has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...messages import message
from ...words.errors import UnusableModel
from .maps.layout import Taken
from .maps.sizes import Shapes
from .rows_of import RowsOf
from .weights import Renamed, Weights

_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "net.", "transformer.", "")
"""What stands before the names of a denoiser's tensors."""


def with_diffusers_names(
    weights: Weights, *, original: str, theirs: str, taken: Callable[[Shapes], Mapping[str, Taken]]
) -> Weights:
    """Those of the transformer alone, told by a tensor that only the `original` layout has, or only diffusers'; `taken`
    says where diffusers' tensors lie in the original.

    Raises UnusableModel where neither is there.
    """
    for prefix in _PREFIXES:
        names = {name.removeprefix(prefix): name for name in weights.names if name.startswith(prefix)}
        if original in names:
            inside = Renamed(weights, names)
            return RowsOf(inside, taken(shapes_of(inside)))
        if theirs in names:
            return Renamed(weights, names)
    raise UnusableModel(message("weights.no_tensor", name=original))


def shapes_of(weights: Weights) -> dict[str, tuple[int, ...]]:
    """Of all its tensors."""
    return {name: weights.shape(name) for name in weights.names}
