"""The model of a request, and the files that it names beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...asking.first_picture import own_upscaler
from ...asking.request import GenerateRequest, SecondPass, digests_in
from ...asking.resolve import Defaults, check_needs, wanted_with
from ...families.defaults import distilling_way
from ...messages import Message, message
from ...registry.identify import CHECKPOINT
from ...words.beside import attends
from ...words.entry import Entry
from ...words.errors import ImagineError, ModelChanged
from ...words.model import AdapterUse, Model
from ...words.upscalers import UPSCALER
from ..gateway.gateway import Gateway, component_from, upscaler_from
from ..gateway.named import refused_as
from .controls import ChosenControls, chosen_controls
from .incoming import Incoming
from .loras import ChosenLoras, chosen_loras
from .references import ChosenReferences, chosen_references

_REFINER = "refiner"


class ChosenModel(NamedTuple):
    """A file to draw with, what a request that doesn't say it gets on it, and what a worker is to load."""

    entry: Entry
    defaults: Defaults
    model: Model
    refiner: Model | None
    parts: Mapping[str, Entry]
    """The files beside the model's own, by what they are to it; a refiner and an upscaler too."""
    loras: ChosenLoras
    controls: ChosenControls
    references: ChosenReferences
    upscaler: Model | None = None
    warnings: Sequence[Message] = ()

    @property
    def adapters(self) -> tuple[AdapterUse, ...]:
        """What a worker is to have beside the model."""
        return tuple(
            AdapterUse(
                name=file.name, kind=file.kind, component=component_from("adapter", file), weight=lora.weight,
                clip_weight=lora.clip,
            )
            for lora, file in self.loras.files
        )  # fmt: skip


async def chosen_model(gateway: Gateway, incoming: Incoming) -> ChosenModel:
    """The model that draws a request. Raises BadRequest, ModelNotFound, UnusableModel, ModelChanged."""
    entry = await gateway.to_draw(incoming.request.model)
    loras = await chosen_loras(gateway, incoming, entry, gateway.defaults_of(entry))
    wanted = wanted_with(entry, loras.files)
    defaults = gateway.defaults_of(entry, **{"usual" if loras.usual else "asked": wanted})
    controls = await chosen_controls(gateway, incoming.request, entry, loras.files)
    references = await chosen_references(gateway, incoming, entry)
    request = references.request
    check_needs(entry, request, shown=attends(entry) and bool(references.files))
    roles = await gateway.parts_of(entry, request)
    made = distilling_way(entry.family, [(file, lora.weight) for lora, file in loras.files])
    model, parts = gateway.model_of(entry, roles, made), dict[str, Entry](roles.items())
    refiner = None
    if request.refiner is not None:
        file = await gateway.named(_REFINER, request.refiner, CHECKPOINT, digests_in(request).get(_REFINER))
        with refused_as(_REFINER, request.refiner):
            refiner = await gateway.configured(file)
        parts[_REFINER] = file
    upscaler, notes = await _upscaler(gateway, entry, request, defaults)
    if upscaler is not None:
        parts[UPSCALER] = upscaler
    return ChosenModel(
        entry, defaults, model, refiner, parts, loras, controls, references,
        None if upscaler is None else upscaler_from(upscaler),
        (*loras.warnings, *controls.warnings, *references.warnings, *notes),
    )  # fmt: skip


async def _upscaler(
    gateway: Gateway, model: Entry, request: GenerateRequest, defaults: Defaults
) -> tuple[Entry | None, Sequence[Message]]:
    """The file that enlarges before the second pass, or that the model names for who says no size."""
    if isinstance(request.hires, SecondPass) and request.hires.upscaler:
        digest = digests_in(request).get(UPSCALER)
        named = await gateway.upscaler("hires.upscaler", request.hires.upscaler, digest)
        return (named if request.hires.scale > 1 else None), ()
    name = own_upscaler(model, request, defaults.width, defaults.height)
    if name is None:
        return None, ()
    try:
        return await gateway.part(name, UPSCALER), ()
    except ModelChanged:
        raise
    except ImagineError:
        return None, [message("upscaler.absent", None, name=model.name, value=name[:80])]
