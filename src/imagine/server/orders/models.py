"""The model of a request, and the files that it names beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from ...asking.request import GenerateRequest
from ...asking.resolve import Defaults, check_needs, vae_of
from ...messages import message
from ...registry.identify import CHECKPOINT
from ...words.entry import Entry
from ...words.errors import BadRequest, ImagineError, ModelChanged, UnusableModel
from ...words.model import Model
from ..gateway.gateway import NO_PARTS, Gateway, model_from


class ChosenModel(NamedTuple):
    """A file to draw with, what a request that doesn't say it gets on it, and what a worker is to load."""

    entry: Entry
    defaults: Defaults
    model: Model
    refiner: Model | None


async def chosen_model(gateway: Gateway, request: GenerateRequest) -> ChosenModel:
    """The model that draws `request`. Raises BadRequest, ModelNotFound, UnusableModel, ModelChanged."""
    entry = await gateway.to_draw(request.model)
    defaults = gateway.defaults_of(entry)
    vae = vae_of(request, defaults)
    check_needs(entry, request, vae)
    model = model_from(entry, {"vae": await _vae(gateway, vae)} if vae else NO_PARTS)
    refiner = await _refiner(gateway, request.refiner) if request.refiner else None
    return ChosenModel(entry, defaults, model, refiner)


async def _vae(gateway: Gateway, name: str) -> Entry:
    """The VAE file of that name. Raises BadRequest where there is none that can be used."""
    with _refused_as("vae", name):
        return await gateway.part(name, kind="vae")


async def _refiner(gateway: Gateway, name: str) -> Model:
    """The checkpoint of that name as a model of its own. Raises BadRequest where there is none that can be used."""
    with _refused_as("refiner", name):
        return await gateway.configured(await gateway.part(name, kind=CHECKPOINT))


@contextlib.contextmanager
def _refused_as(field: str, name: str) -> Iterator[None]:
    """What can't be used of the file that a field names, laid to that field."""
    try:
        yield
    except ModelChanged:
        raise
    except UnusableModel as error:
        raise BadRequest(message("part.unusable", field, value=name[:40], why=error.note)) from error
    except ImagineError as error:
        raise BadRequest(message("part.missing", field, value=name[:40])) from error
