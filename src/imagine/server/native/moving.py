"""`PATCH /jobs/{id}`: an order that waits is made more or less urgent, or moved among its owner's."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiohttp import web

from ...asking.json_body import read_json
from ...messages import message
from ...words.errors import BadRequest
from ...words.keys import Priority
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.encoding import body_from
from ..http.security import GUARD, Refused
from ..orders.connection import LASTING
from ..orders.lasting import HasBegun, NotWaiting, PlaceWanted
from .detached import known, status_of
from .urgency import priority_from

_PLACES = ("position", "before", "after")
_FIELDS = ("priority", *_PLACES)
_MOST = 10**9


class _Move(NamedTuple):
    priority: Priority | None
    target: PlaceWanted | None


async def move(request: web.Request) -> web.Response:
    """Its status then. A priority that its key hasn't is refused: who asks for nothing else gets nothing else."""
    row = await known(request)
    with request.app[GATEWAY].allowance.holding() as holding:
        wanted = _wanted(read_json(await read_body(request, holding)))
    if wanted.priority is not None and request.app[GUARD].priority(request, wanted.priority) != wanted.priority:
        raise Refused(403, message("priority.not_yours", "priority", value=wanted.priority))
    lasting = request.app[LASTING].open()
    try:
        await lasting.move(row, wanted.priority, wanted.target)
    except HasBegun as error:
        raise Refused(409, message("job.begun")) from error
    except NotWaiting as error:
        field = "after" if wanted.target is not None and wanted.target.behind else "before"
        raise Refused(404, message("job.not_waiting", field, value=str(error)[:100])) from error
    said = await status_of(request, await known(request))
    return web.Response(body=body_from(said), content_type="application/json")


def _wanted(body: dict[str, Any]) -> _Move:
    """Raises BadRequest."""
    places = [name for name in _PLACES if body.get(name) is not None]
    if body.keys() - {*_FIELDS} or len(places) > 1 or not (places or body.get("priority") is not None):
        raise BadRequest(message("move.form"))
    priority = priority_from(body.get("priority"))
    if not places:
        return _Move(priority, None)
    (name,) = places
    said = body[name]
    if name == "position":
        if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said <= _MOST:
            raise BadRequest(message("move.position", name, value=str(said)[:100], most=_MOST))
        return _Move(priority, PlaceWanted(position=said))
    if not isinstance(said, str) or not said:
        raise BadRequest(message("move.beside", name))
    return _Move(priority, PlaceWanted(beside=said, behind=name == "after"))
