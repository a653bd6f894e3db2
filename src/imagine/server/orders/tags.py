"""Tags that a request's prompts have, as other programs' prompts do, are no words of them."""

from __future__ import annotations

import msgspec

from ...asking.prompt_tags import in_vain, without_tags
from ...asking.request import SecondPass
from ...messages import Message
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_tags_out(_: Gateway, incoming: Incoming) -> Incoming:
    """The request without the tags in its prompts, the LoRAs that they ask for, and what they ask for in vain.

    Raises BadRequest for a tag that says no weight where one belongs.
    """
    request, loras, warnings = incoming.request, [*incoming.tagged], [*incoming.warnings]
    for field in ("prompt", "neg"):
        if text := getattr(request, field):
            plain = without_tags(text, field)
            request = msgspec.structs.replace(request, **{field: plain.text})
            loras += plain.loras
            warnings += plain.notes
    if isinstance(request.hires, SecondPass):
        hires, notes = _hires_without(request.hires, {lora.name for lora in loras})
        request, warnings = msgspec.structs.replace(request, hires=hires), [*warnings, *notes]
    return incoming._replace(request=request, tagged=tuple(loras), warnings=tuple(warnings))


def _hires_without(hires: SecondPass, named: set[str]) -> tuple[SecondPass, list[Message]]:
    """A second pass's own prompts likewise; LoRAs are beside both passes, or neither, as the first one's say."""
    notes: list[Message] = []
    for field in ("prompt", "neg"):
        if text := getattr(hires, field):
            plain = without_tags(text, f"hires.{field}")
            hires = msgspec.structs.replace(hires, **{field: plain.text})
            notes += plain.notes + [in_vain(lora, f"hires.{field}") for lora in plain.loras if lora.name not in named]
    return hires, notes
