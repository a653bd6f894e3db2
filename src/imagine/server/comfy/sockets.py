"""`/ws`: the connection over which a client is told of its graphs."""

from __future__ import annotations

import asyncio
import contextlib
import uuid

from aiohttp import WSMsgType, web

from ...asking.json_body import read_json
from ...words.errors import BadRequest
from ..orders.connection import PATIENCE
from .about import FEATURES
from .room import ComfySocket, owner_of, room_of

_HEARTBEAT = 30.0
"""Seconds between two questions whether it is still there."""
_MOST = 2**16
"""Bytes of a message that a client sends."""
_FLAGS = "feature_flags"


async def listen(request: web.Request) -> web.WebSocketResponse:
    """Tells until one of both ends goes."""
    response = web.WebSocketResponse(heartbeat=_HEARTBEAT, max_msg_size=_MOST)
    await response.prepare(request)
    room, owner = room_of(request), owner_of(request)
    socket = ComfySocket(owner, request.query.get("clientId", "")[:200] or uuid.uuid4().hex)
    with room.joined(socket):
        socket.tell("status", {"status": room.status_of(owner), "sid": socket.sid})
        sending = asyncio.create_task(_send(response, socket))
        try:
            async for said in response:
                if said.type is WSMsgType.TEXT:
                    _hear(socket, said.data)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
    return response


async def _send(response: web.WebSocketResponse, socket: ComfySocket) -> None:
    """Sends what is told, each in time; who doesn't take it has gone away."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        while (message := await socket.next()) is not None:
            async with asyncio.timeout(PATIENCE):
                if isinstance(message, bytes):
                    await response.send_bytes(message)
                else:
                    await response.send_str(message)
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await response.close()


def _hear(socket: ComfySocket, text: str) -> None:
    """What a client says of itself; anything else means nothing."""
    try:
        said = read_json(text.encode("utf-8", "replace"))
    except BadRequest:
        return
    data = said.get("data")
    if said.get("type") == _FLAGS and isinstance(data, dict):
        socket.with_metadata = data.get("supports_preview_metadata") is True
        socket.tell(_FLAGS, FEATURES)
