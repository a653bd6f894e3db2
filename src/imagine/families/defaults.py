"""What a model is asked for where nobody says otherwise: as it was distilled, else what its family's pipeline takes."""

from __future__ import annotations

from typing import Any

import msgspec

from ..words.entry import Entry
from .facts import FamilyDefaults
from .table import facts_of


def sampling_defaults(model: Entry) -> FamilyDefaults:
    """What this model wants: as it was distilled, else what its family's pipeline takes."""
    facts = facts_of(model.family)
    how, _, steps = model.distilled.partition(":")
    recipe = facts.distilled.get(how)
    if recipe is None:
        return facts.defaults
    return msgspec.structs.replace(recipe, num_steps=int(steps)) if steps else recipe


def defaults_of(model: Entry) -> dict[str, Any]:
    """What a request that doesn't say it gets: the same, and the files that go with it, by the names of fields."""
    files = {"vae": model.vae or None, "text_encoders": model.encoders or None}
    defaults = msgspec.structs.asdict(sampling_defaults(model)) | files
    return {name: value for name, value in defaults.items() if value is not None}
