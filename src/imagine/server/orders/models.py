"""The model of a request, and the files that it names beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...asking.request import GenerateRequest, digests_in
from ...asking.resolve import Defaults, check_needs
from ...registry.identify import CHECKPOINT
from ...words.entry import Entry
from ...words.model import Model
from ..gateway.gateway import Gateway
from ..gateway.named import refused_as

_REFINER = "refiner"


class ChosenModel(NamedTuple):
    """A file to draw with, what a request that doesn't say it gets on it, and what a worker is to load."""

    entry: Entry
    defaults: Defaults
    model: Model
    refiner: Model | None
    parts: Mapping[str, Entry]
    """The files beside the model's own, by what they are to it; a refiner too."""


async def chosen_model(gateway: Gateway, request: GenerateRequest) -> ChosenModel:
    """The model that draws `request`. Raises BadRequest, ModelNotFound, UnusableModel, ModelChanged."""
    entry = await gateway.to_draw(request.model)
    defaults = gateway.defaults_of(entry)
    check_needs(entry, request)
    roles = await gateway.parts_of(entry, request)
    model, parts = gateway.model_of(entry, roles), dict[str, Entry](roles.items())
    if request.refiner is None:
        return ChosenModel(entry, defaults, model, None, parts)
    file = await gateway.named(_REFINER, request.refiner, CHECKPOINT, digests_in(request).get(_REFINER))
    with refused_as(_REFINER, request.refiner):
        refiner = await gateway.configured(file)
    return ChosenModel(entry, defaults, model, refiner, parts | {_REFINER: file})
