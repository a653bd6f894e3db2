"""Tags that a request's prompts have for other programs are no words of them."""

from __future__ import annotations

import msgspec

from ...asking.prompt_tags import without_tags
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_tags_out(_: Gateway, incoming: Incoming) -> Incoming:
    """The request without the tags in its prompts, and what they ask for and don't get in its warnings."""
    request, warnings = incoming.request, [*incoming.warnings]
    for field in ("prompt", "neg"):
        if text := getattr(request, field):
            plain, notes = without_tags(text, field)
            request = msgspec.structs.replace(request, **{field: plain})
            warnings += notes
    return incoming._replace(request=request, warnings=tuple(warnings))
