"""The named model that a request asks for stands in its fields afterwards: its base draws it, as its recipe says."""

from __future__ import annotations

import asyncio
import contextlib

from ...asking.named_models import defaults_from, filled
from ...words.entry import Entry
from ...words.errors import ImagineError
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_named_model(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request of what its model is made of. Raises BadRequest for a preset that a model names and that is none."""
    request, named = incoming.request, await _model_of(gateway, incoming)
    while named is not None and named.is_named:
        made, preset = named.made, None
        if made.preset and incoming.original.preset is None:
            preset = await asyncio.to_thread(gateway.presets.find, made.preset)
        defaults = gateway.said_of(named).over(defaults_from(made))
        request = filled(request, made, defaults, preset)
        named = await gateway.choose(made.base)
    return incoming._replace(request=request)


async def _model_of(gateway: Gateway, incoming: Incoming) -> Entry | None:
    """The model that it gets; None where that is to be refused later, in its turn."""
    with contextlib.suppress(ImagineError):
        return await gateway.choose(incoming.request.model)
    return None
