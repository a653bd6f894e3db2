"""Tags that a request's prompts have, as other programs' prompts do, are no words of them."""

from __future__ import annotations

import msgspec

from ...asking.prompt_tags import without_tags
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
    return incoming._replace(request=request, tagged=tuple(loras), warnings=tuple(warnings))
