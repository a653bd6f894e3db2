"""The model that a LoRA is trained for, as a trainer is told of it: from the folders, without a server."""

from __future__ import annotations

import asyncio
import os

from ..asking.model_choice import choose_model
from ..asking.request import GenerateRequest
from ..asking.resolve import stated_by
from ..files.model_folders import roots_from
from ..files.shipped import folder
from ..messages import message
from ..registry.registry import Registry
from ..server.gateway.gateway import model_from
from ..server.gateway.named import FilesHere
from ..server.gateway.parts import parts_of
from ..words.entry import Entry
from ..words.errors import UnusableModel
from ..words.model import Model


def model_to_train(name: str | None) -> Model:
    """The model of that name, or the only one. Raises ImagineError."""
    registry = Registry(roots_from(os.environ), shipped=sorted(folder().glob("*.safetensors")))
    registry.refresh()
    chosen = choose_model(name, available=registry.models())
    found = registry.find_alike(chosen)
    if found.is_named:
        raise UnusableModel(message("made.no_part", "model", value=found.name, base=found.made.base[:80]))
    entry = registry.with_digest(found)

    async def find(part: str, kind: str) -> Entry:
        return registry.with_digest(registry.find_alike(part, kind))

    files = FilesHere(registry.files, find)
    return model_from(entry, asyncio.run(parts_of(entry, GenerateRequest(prompt=""), stated_by(entry), files)))
