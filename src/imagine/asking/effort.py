"""How many steps a picture takes and how closely it follows its words, within what makes sense on the model.

What the request says itself is honoured, with a warning where the model was made for something else; what a preset says
for any model is moved to the nearest that makes sense.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from ..families.defaults import bounds_of
from ..families.table import facts_of
from ..messages import Message, message
from ..words.entry import Entry
from ..words.errors import Unsupported
from ..words.recipe import GenerationParams
from .loras import ChosenLora
from .request import GenerateRequest

_BOUNDED = ("num_steps", "guidance")


class Moved(NamedTuple):
    """A request whose numbers make sense on its model, as far as a preset said them, and what there is to say."""

    request: GenerateRequest
    warnings: list[Message]


def within_bounds(
    request: GenerateRequest, model: Entry, loras: Sequence[ChosenLora], styled: Collection[str]
) -> Moved:
    """The request within what makes sense on this model with these LoRAs; `styled` are the fields that a preset said.

    Raises Unsupported on `true_cfg` for a model whose guidance is nothing else.
    """
    request, warnings = _as_guided(request, model, styled)
    bounds = bounds_of(model, [(file, lora.weight) for lora, file in loras])
    for name in _BOUNDED:
        limits, value = getattr(bounds, name), getattr(request, name)
        if limits is None or value is None or limits[0] <= value <= limits[1]:
            continue
        least, most = limits
        told = {"value": value, "name": model.name, "least": least, "most": most}
        if name not in styled:
            if least < most:  # else it isn't guided at all, which is said of it already
                warnings.append(message("bounds.beyond", name, **told))
            continue
        nearest = min(max(value, least), most)
        request = msgspec.structs.replace(request, **{name: nearest})
        code = "bounds.moved" if least < most else "bounds.without"
        warnings.append(message(code, name, used=nearest, **told))
    return Moved(request, warnings)


def _as_guided(request: GenerateRequest, model: Entry, styled: Collection[str]) -> Moved:
    """The request under the two names that its guidance has here, and what of it this model isn't guided by."""
    facts, warnings = facts_of(model.family), list[Message]()
    told = facts.takes_number(model.variant)
    if request.distilled_cfg_scale is not None:
        if told:
            beside = None if "guidance" in styled and "distilled_cfg_scale" not in styled else request.guidance
            true = beside if request.true_cfg is None else request.true_cfg
            request = msgspec.structs.replace(request, guidance=request.distilled_cfg_scale, true_cfg=true)
        else:
            warnings.append(message("no_effect.distilled", "distilled_cfg_scale", name=model.name))
    if not told and request.true_cfg is not None and request.true_cfg > 1:
        if "true_cfg" not in styled:
            raise Unsupported(message("true_cfg.plain", "true_cfg", value=request.true_cfg, name=model.name))
        warnings.append(message("no_effect.distilled", "true_cfg", name=model.name))
        request = msgspec.structs.replace(request, true_cfg=None)
    if facts.guided(model.variant) == "none" and request.guidance and "guidance" not in styled:
        warnings.append(message("no_effect.unguided", "guidance", name=model.name))
    return Moved(request, warnings)


def unheeded(recipe: GenerationParams, model: Entry) -> Message | None:
    """Why the negative prompt has no say in this recipe; None where it has."""
    if facts_of(model.family).takes_number(model.variant):
        if recipe.true_cfg <= 1:
            return message("no_effect.true_cfg", "neg", at=recipe.true_cfg)
    elif recipe.guidance <= 1:
        return message("no_effect.guidance", "neg", at=recipe.guidance)
    return None
