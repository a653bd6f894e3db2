"""From a request for an enlarged picture to its job: the upscaler, the picture, and what that says of itself."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from ...asking.upscale import UpscaleRequest, enlarged_params
from ...fairness.allowance import Holding
from ...messages import Message, message
from ...pictures.metadata import read_metadata
from ...words.entry import Entry
from ...words.errors import BadRequest
from ...words.frames import Enlargement, Submit
from ...words.model import Model
from ...words.upscalers import OF_PICTURES, UPSCALER, resampling
from ..gateway.gateway import Gateway, upscaler_from
from .plan import Plan

_UPSCALED = "upscaled"
_MOST = 16
"""How many enlargements of before are kept."""
_WITHOUT_EXTRA = "compact"
"""The kind of network that needs nothing beside what is installed."""


async def planned_upscale(gateway: Gateway, request: UpscaleRequest, client: str, holding: Holding, path: Path) -> Plan:
    """The job that enlarges, into the file at `path`. Raises BadRequest, BadPicture, ModelChanged, Busy."""
    model, warnings = await _upscaler(gateway, request)
    data, looked = await gateway.look(client, request.img, "img")
    holding.hold(len(data))
    source = (looked.result.width, looked.result.height)
    params = enlarged_params(request, model, looked.digest, source)
    meta, notes = await gateway.apart(lambda: _told_by(data), client)
    job = Submit(
        job=secrets.token_urlsafe(16), client=client, params=params, model=model, img=data,
        enlargement=Enlargement(path=str(path), meta=meta),
        keep_alive=request.seconds if model.digest else 0.0,
    )  # fmt: skip
    return Plan([job], [*warnings, *notes], bool(request.progress))


async def _upscaler(gateway: Gateway, request: UpscaleRequest) -> tuple[Model, list[Message]]:
    """The one that is named; else one that is there; else a way of resampling, and says so."""
    if request.upscaler is not None:
        entry = await gateway.upscaler(UPSCALER, request.upscaler, without=OF_PICTURES)
        return (resampling(request.upscaler) if entry is None else upscaler_from(entry)), []
    if (usual := usual_upscaler(await gateway.entries())) is not None:
        return upscaler_from(await gateway.part(usual.name, UPSCALER)), []
    return resampling(OF_PICTURES[0]), [message("upscaler.none", UPSCALER)]


def usual_upscaler(entries: list[Entry]) -> Entry | None:
    """The one for who names none: that which ships, else the first by name that runs without the extra."""
    able = [each for each in entries if each.kind == UPSCALER and each.family == _WITHOUT_EXTRA and not each.problem]
    return min(able, key=lambda each: not each.shipped, default=None)


def _told_by(data: bytes) -> tuple[dict[str, Any], list[Message]]:
    """What a picture says of how it was made: a recipe that can't be read is no reason to keep it small."""
    try:
        recipe = read_metadata(data, field="img")
    except BadRequest as error:
        return {}, [error.note]
    if recipe is None:
        return {}, []
    before = recipe.meta.get(_UPSCALED)
    known = [each for each in before if isinstance(each, dict)] if isinstance(before, list) else []
    seed = {"seed": str(recipe.meta["seed"])} if "seed" in recipe.meta else {}  # a browser's numbers end at 2^53
    return recipe.meta | seed | {_UPSCALED: known[-_MOST:]}, []
