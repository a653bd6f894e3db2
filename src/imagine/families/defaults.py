"""What a model is asked for where nobody says otherwise: as it was distilled, else what its variant or family takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..words.entry import Entry
from .facts import Bounds, FamilyDefaults
from .table import facts_of


def sampling_defaults(model: Entry) -> FamilyDefaults:
    """What this model wants: as it was distilled, else what its variant, or its family's pipeline, takes."""
    facts = facts_of(model.family)
    return _as_distilled(model.family, model.distilled) or facts.variants.get(model.variant, facts.defaults)


def distilling_defaults(family: str, loras: Iterable[tuple[Entry, float]]) -> FamilyDefaults | None:
    """What a model of this family wants with LoRAs, of those weights, that have it take few steps; None without any.

    Of several the one that has the most say is heeded.
    """
    return _as_distilled(family, _most_said(family, loras))


def distilling_way(family: str, loras: Iterable[tuple[Entry, float]]) -> str:
    """In which way the same LoRAs have it take few steps; "" without any."""
    return _most_said(family, loras).partition(":")[0]


def bounds_of(model: Entry, loras: Iterable[tuple[Entry, float]] = ()) -> Bounds:
    """What makes sense to ask of this model, with LoRAs of those weights."""
    ways = [file.distilled for file, weight in sorted(loras, key=lambda each: -each[1]) if weight > 0]
    told = [how.partition(":")[0] for how in (*ways, model.distilled) if how]
    return facts_of(model.family).bounds_of(*told, model.variant)


def _most_said(family: str, loras: Iterable[tuple[Entry, float]]) -> str:
    wanted = [
        (weight, lora.distilled) for lora, weight in loras if weight > 0 and _as_distilled(family, lora.distilled)
    ]
    return max(wanted, key=lambda each: each[0], default=(0.0, ""))[1]


def _as_distilled(family: str, distilled: str) -> FamilyDefaults | None:
    how, _, steps = distilled.partition(":")
    recipe = facts_of(family).distilled.get(how)
    return msgspec.structs.replace(recipe, num_steps=int(steps)) if recipe and steps else recipe


def defaults_of(model: Entry) -> dict[str, Any]:
    """What a request that doesn't say it gets: the same, and the files that go with it, by the names of fields."""
    files = {"vae": model.vae or None, "text_encoders": model.encoders or None}
    defaults = msgspec.structs.asdict(sampling_defaults(model)) | files
    return {name: value for name, value in defaults.items() if value is not None}
