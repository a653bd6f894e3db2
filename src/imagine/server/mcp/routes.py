"""`POST /mcp`: one message, one answer: an object, or a stream of what happens up to it where that is asked for."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

from aiohttp import web

from ...fairness.allowance import Holding
from ...messages import sentence
from ...words.errors import ImagineError
from ..gateway.keys import GATEWAY
from ..gateway.storage import MEDIA_TYPES
from ..http.body import read_body
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.security import client_of
from ..orders.connection import PATIENCE
from .calls import ProgressTeller, ToolCall, call_tool, whole
from .pictures import ADDRESS
from .protocol import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    McpCall,
    ProtocolError,
    call_from,
    discovery,
    error_of,
    greeting,
    progress_of,
    refused,
    result_of,
)
from .tools import TOOLS

_EVENTS = "text/event-stream"
_TEMPLATE = {
    "uriTemplate": ADDRESS + "{name}", "name": "picture", "title": "A picture that was drawn here, whole",
    "mimeType": "image/png",
}  # fmt: skip


async def answer(request: web.Request) -> web.StreamResponse:
    """The answer to one message; nothing but that it came to one that wants none."""
    call = None
    try:
        with request.app[GATEWAY].allowance.holding() as holding:
            call = await _read(request, holding)
            if call.id is None:
                return web.Response(status=202)
            stream = _ToldAnswer(request, call)
            return await stream.end(await _answered(request, call, stream.tell, holding))
    except ProtocolError as error:
        return web.Response(status=error.status, body=body_from(error_of(call, error)), content_type="application/json")


class _ToldAnswer:
    """Where an answer goes: into a stream from the first that there is to tell, if anything; else by itself."""

    def __init__(self, request: web.Request, call: McpCall) -> None:
        self._request = request
        self._token = call.progress_token if _EVENTS in request.headers.get("Accept", "") else None
        self._response: web.StreamResponse | None = None

    async def tell(self, done: int, total: int, said: str) -> None:
        """So much is done."""
        if self._token is None:
            return
        if self._response is None:
            self._response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
            self._response.content_type = _EVENTS
            await self._response.prepare(self._request)
        await self._send(self._response, progress_of(self._token, done, total, said))

    async def end(self, message: dict[str, Any]) -> web.StreamResponse:
        """The answer itself."""
        if self._response is None:
            return web.Response(body=body_from(message), content_type="application/json")
        await self._send(self._response, message)
        await self._response.write_eof()
        return self._response

    @staticmethod
    async def _send(response: web.StreamResponse, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await response.write(b"event: message\ndata: " + body_from(message) + b"\n\n")
        except TimeoutError as error:
            raise ConnectionResetError("nobody takes the answer") from error


async def _read(request: web.Request, holding: Holding) -> McpCall:
    body = await read_body(request, holding)
    return await request.app[GATEWAY].read(body, call_from, client_of(request))


async def _answered(request: web.Request, call: McpCall, tell: ProgressTeller, holding: Holding) -> dict[str, Any]:
    """The answer's message. What goes wrong within it, once it is a stream, has nowhere else to be told."""
    try:
        call.check_version()
        return await _result(request, call, tell, holding)
    except ProtocolError as error:
        return error_of(call, error)
    except ImagineError as error:
        return refused(call, trouble_from(error))


async def _result(request: web.Request, call: McpCall, tell: ProgressTeller, holding: Holding) -> dict[str, Any]:
    match call.method:
        case "initialize":
            return result_of(call, greeting(call))
        case "server/discover":
            return result_of(call, discovery(), cached=True)
        case "ping":
            return result_of(call, {})
        case "tools/list":
            return result_of(call, {"tools": TOOLS}, cached=True)
        case "tools/call":
            return result_of(call, await _called(request, call, tell, holding))
        case "resources/list":
            return result_of(call, {"resources": []})
        case "resources/templates/list":
            return result_of(call, {"resourceTemplates": [_TEMPLATE]}, cached=True)
        case "resources/read":
            return result_of(call, await _resource(request, call))
    raise ProtocolError(METHOD_NOT_FOUND, f"there is no method {call.method[:100]!r}")


async def _called(request: web.Request, call: McpCall, tell: ProgressTeller, holding: Holding) -> dict[str, Any]:
    name, said = call.text("name"), call.params.get("arguments")
    if said is not None and not isinstance(said, dict):
        raise ProtocolError(INVALID_PARAMS, "params.arguments must be an object")
    result = await call_tool(name, ToolCall(request, said or {}, tell, holding))
    if result is None:
        raise ProtocolError(INVALID_PARAMS, f"there is no tool {name[:100]!r}")
    return result


async def _resource(request: web.Request, call: McpCall) -> dict[str, Any]:
    """A picture, whole."""
    uri = call.text("uri")
    try:
        data = await whole(request.app[GATEWAY], uri, "uri")
    except ImagineError as error:
        raise ProtocolError(INVALID_PARAMS, sentence(error.note), {"uri": uri[:200]}) from error
    kind = MEDIA_TYPES[uri.rpartition(".")[2]]
    return {"contents": [{"uri": uri, "mimeType": kind, "blob": b64encode(data).decode("ascii")}]}
