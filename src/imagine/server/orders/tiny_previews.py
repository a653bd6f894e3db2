"""Previews by a tiny VAE: the file that makes them, found among the others."""

from __future__ import annotations

import msgspec

from ...asking.resolve import Resolved
from ...messages import Message, message
from ...registry.composition import VAE, tiny_vae
from ...words.entry import Entry
from ..gateway.gateway import Gateway, component_from


async def with_tiny(gateway: Gateway, resolved: Resolved, model: Entry) -> tuple[Resolved, list[Message]]:
    """The same, with the file that its previews are made with; linear ones, and a warning, where there is none.

    Raises ModelChanged, UnusableModel.
    """
    preview = resolved.preview
    if preview.kind != "tiny" or not preview.every:
        return resolved, []
    file = tiny_vae(model, gateway.registry.files())
    if file is None:
        linear = msgspec.structs.replace(preview, kind="linear")
        return msgspec.structs.replace(resolved, preview=linear), [message("preview.absent", "preview")]
    component = component_from(VAE, await gateway.digests.known(file))
    return msgspec.structs.replace(resolved, preview=msgspec.structs.replace(preview, tiny=component)), []
