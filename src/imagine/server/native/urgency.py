"""What a body says of how urgent it is, and what becomes of that."""

from __future__ import annotations

from aiohttp import web

from ...messages import Message, message
from ...words.errors import BadRequest
from ...words.keys import PRIORITIES, Priority
from ..http.security import GUARD


def priority_from(said: object) -> Priority | None:
    """The priority that a body says; None for none. Raises BadRequest."""
    if said is None:
        return None
    found = next((each for each in PRIORITIES if each == said), None)
    if found is None:
        raise BadRequest(message("priority.form", "priority", value=str(said)[:100], allowed=", ".join(PRIORITIES)))
    return found


def lowered(request: web.Request, wanted: Priority | None) -> list[Message]:
    """A warning where its key isn't for anything so urgent."""
    given = request.app[GUARD].priority(request, wanted)
    if wanted is None or given == wanted:
        return []
    return [message("priority.lowered", "priority", value=wanted, given=given)]
