"""The preset that a request names stands in its fields afterwards."""

from __future__ import annotations

import asyncio

from ...asking.presets import expanded
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_preset(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request with its preset expanded. Raises BadRequest for one that doesn't exist."""
    name = incoming.request.preset
    if name is None:
        return incoming
    preset = await asyncio.to_thread(gateway.presets.find, name)
    return incoming._replace(request=expanded(incoming.request, preset))
