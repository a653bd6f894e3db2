"""A transformer's tensors under diffusers' names, whichever layout and prefix its file has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from ...messages import message
from ...words.errors import UnusableModel
from .ldm_keys import is_extra
from .maps.layout import Taken
from .maps.sizes import Shapes
from .rows_of import RowsOf
from .weights import Renamed, Weights

_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "net.", "transformer.", "")
"""What stands before the names of a denoiser's tensors."""
_OTHERS = (
    "vae.", "first_stage_model.", "text_encoder", "cond_stage_model.", "conditioner.", "encoder.", "decoder.",
    "quant_conv.", "post_quant_conv.", "shared.",
)  # fmt: skip
"""What stands before those of the other networks in its file."""


class TransformerWeights(NamedTuple):
    """A transformer's, under diffusers' names."""

    weights: Weights
    unknown: list[str]
    """What lies in the file and is of no network that is known here."""


def with_diffusers_names(
    weights: Weights, *, original: str, theirs: str, taken: Callable[[Shapes], Mapping[str, Taken]]
) -> TransformerWeights:
    """Those of the transformer alone, told by a tensor that only the `original` layout has, or only diffusers'; `taken`
    says where diffusers' tensors lie in the original.

    Raises UnusableModel where neither is there.
    """
    for prefix in _PREFIXES:
        names = {name.removeprefix(prefix): name for name in weights.names if name.startswith(prefix)}
        if original in names:
            inside = Renamed(weights, names)
            found = taken(shapes_of(inside))
            read = {names[each.name] for each in found.values()}
            return TransformerWeights(RowsOf(inside, found), _unknown(weights, read))
        if theirs in names:
            return TransformerWeights(Renamed(weights, names), _unknown(weights, set(names.values())))
    raise UnusableModel(message("weights.no_tensor", name=original))


def _unknown(weights: Weights, read: Collection[str]) -> list[str]:
    return [name for name in weights.names if name not in read and not name.startswith(_OTHERS) and not is_extra(name)]


def shapes_of(weights: Weights) -> dict[str, tuple[int, ...]]:
    """Of all its tensors."""
    return {name: weights.shape(name) for name in weights.names}
