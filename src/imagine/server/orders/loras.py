"""The LoRAs of a request: those that it names, its prompt's tags do, or else what is said of its model."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from ...asking.loras import ChosenLora, check_count, check_family, loras_from
from ...asking.resolve import Defaults
from ...messages import Message, message
from ...registry.identify import LORA
from ...words.entry import Entry
from ...words.errors import PartNotFound
from ...words.recipe import Lora
from ..gateway.gateway import Gateway
from ..gateway.named import refused_as
from .fitting import beside
from .incoming import Incoming

_FIELD = "loras"


class ChosenLoras(NamedTuple):
    """What goes beside a model."""

    files: tuple[ChosenLora, ...] = ()
    usual: bool = False
    """Nobody asked for them: the configuration names them for the model."""
    warnings: tuple[Message, ...] = ()


async def chosen_loras(gateway: Gateway, incoming: Incoming, model: Entry, defaults: Defaults) -> ChosenLoras:
    """The files of what is asked for. Raises PartNotFound, BadRequest, Unsupported on what names them; ModelChanged."""
    asked, tagged = loras_from(incoming.request.loras), incoming.tagged
    usual = not tagged and incoming.request.loras is None
    asked = loras_from(defaults.loras) if usual else asked
    check_count((*asked, *tagged))
    files: list[ChosenLora] = []
    warnings: list[Message] = []
    for lora in asked:
        file = await _usual(gateway, lora, model) if usual else await _named(gateway, lora, _FIELD, model)
        files.append(ChosenLora(lora, file))
    for lora in tagged:
        try:
            files.append(ChosenLora(lora, await _named(gateway, lora, "prompt", model)))
        except PartNotFound as error:
            if not incoming.lenient_tags:
                raise
            warnings.append(message("tag.left_out", "prompt", why=error.note))
    for lora, file in files:
        with refused_as(_FIELD, lora.name, model) if usual else contextlib.nullcontext():
            check_family(model, file, lora.name)
    return ChosenLoras(tuple(files), usual and bool(files), tuple(warnings))


async def _named(gateway: Gateway, lora: Lora, field: str, model: Entry) -> Entry:
    return await gateway.named(field, lora.name, LORA, lora.digest or lora.autov3 or None, beside(model))


async def _usual(gateway: Gateway, lora: Lora, model: Entry) -> Entry:
    """What the configuration names for a model. Raises BadRequest, which says so."""
    with refused_as(_FIELD, lora.name, model):
        return await gateway.part(lora.name, LORA)
