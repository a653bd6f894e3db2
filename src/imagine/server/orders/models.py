"""The model of a request, and the files that it names beside it."""

from __future__ import annotations

from typing import NamedTuple

from ...asking.request import GenerateRequest
from ...asking.resolve import Defaults, check_needs
from ...registry.composition import VAE
from ...registry.identify import CHECKPOINT
from ...words.entry import Entry
from ...words.model import Model
from ..gateway.gateway import Gateway, model_from
from ..gateway.parts import refused_as


class ChosenModel(NamedTuple):
    """A file to draw with, what a request that doesn't say it gets on it, and what a worker is to load."""

    entry: Entry
    defaults: Defaults
    model: Model
    refiner: Model | None
    text_encoders: tuple[str, ...]
    """The names of those in files of their own."""


async def chosen_model(gateway: Gateway, request: GenerateRequest) -> ChosenModel:
    """The model that draws `request`. Raises BadRequest, ModelNotFound, UnusableModel, ModelChanged."""
    entry = await gateway.to_draw(request.model)
    defaults = gateway.defaults_of(entry)
    check_needs(entry, request)
    parts = await gateway.parts_of(entry, request)
    refiner = await _refiner(gateway, request.refiner) if request.refiner else None
    encoders = tuple(part.name for role, part in parts.items() if role != VAE)
    return ChosenModel(entry, defaults, model_from(entry, parts), refiner, encoders)


async def _refiner(gateway: Gateway, name: str) -> Model:
    """The checkpoint of that name as a model of its own. Raises BadRequest where there is none that can be used."""
    with refused_as("refiner", name):
        return await gateway.configured(await gateway.part(name, kind=CHECKPOINT))
