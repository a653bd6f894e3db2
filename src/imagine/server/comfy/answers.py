"""What goes wrong, as that program's clients read it: an `error`, and in `node_errors` the node that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from ...words.errors import Blocked, ModelNotFound, PartNotFound
from ..http.encoding import body_from
from ..http.errors import Trouble, refused_by
from .refusals import GraphRefused, RefusalKind, RefusedAt
from .requests import SaidAt, says

_FAILED = "prompt_outputs_failed_validation"
_OF_ALL = ("prompt_no_outputs", "no_prompt", "invalid_prompt", "missing_node_type")
"""What is said of a graph, rather than of one of its nodes."""
_BLOCKED = "content_policy_violation"
_OTHER = "invalid_request"


class GraphInHand(NamedTuple):
    """What a request's graph says, as far as it is known when something goes wrong."""

    said: Mapping[str, SaidAt]
    """By our field."""
    outputs: Sequence[str]


GRAPH = web.RequestKey("comfy graph", GraphInHand)
"""Under which a request has it."""


def response_from(request: web.Request, trouble: Trouble) -> web.Response:
    """The answer to what went wrong."""
    body = body_from(error_from(trouble, request.get(GRAPH)))
    return web.Response(status=trouble.status, body=body, content_type="application/json", headers=trouble.headers)


def error_from(trouble: Trouble, graph: GraphInHand | None) -> dict[str, Any]:
    """The object that says what went wrong."""
    sentence, at = trouble.sentence({}), _place_of(trouble, graph)
    about: dict[str, Any] = {"code": trouble.note.code, **refused_by(trouble.error)}
    extra: dict[str, Any] = {}
    if at is not None and at.kind in _OF_ALL:
        extra = {name: value for name, value in (("node_id", at.node), ("class_type", at.class_type)) if value}
    kind = _OTHER if at is None else at.kind if at.kind in _OF_ALL else _FAILED
    if isinstance(trouble.error, Blocked):
        kind = _BLOCKED
    error = {"type": kind, "message": sentence, "details": "", "extra_info": extra}
    if at is None or not at.node or at.kind in _OF_ALL:
        return {"error": error, "node_errors": {}, **about}
    told = {"input_name": at.input, "received_value": trouble.note.value} if at.input else {}
    details = f"{at.input}: {trouble.note.value}" if told and trouble.note.value is not None else at.input
    one = {"type": at.kind, "message": sentence, "details": details, "extra_info": told}
    node = {"errors": [one], "dependent_outputs": [*at.outputs], "class_type": at.class_type}
    return {"error": error, "node_errors": {at.node: node}, **about}


def _place_of(trouble: Trouble, graph: GraphInHand | None) -> RefusedAt | None:
    """Which node of the graph is in the way; None where none is."""
    outputs = () if graph is None else tuple(graph.outputs)
    if isinstance(trouble.error, GraphRefused):
        return trouble.error.at._replace(outputs=outputs)
    field = trouble.note.field or ("model" if isinstance(trouble.error, ModelNotFound) else "")
    said = None if graph is None else says(graph.said, field)
    if said is None:
        return None
    absent = isinstance(trouble.error, ModelNotFound | PartNotFound)
    kind: RefusalKind = "value_not_in_list" if absent else "custom_validation_failed"
    return RefusedAt(kind, said.node.id, said.node.kind.name, said.input, outputs)
