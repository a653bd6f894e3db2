"""Pure functions: JSON-RPC's messages as MCP has them, in both of its forms.

Up to 2025-11-25 a client says `initialize` first; from 2026-07-28 each request says its version itself, in `_meta`, and
`server/discover` tells what there is. Nothing is remembered between requests here, so both are answered alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from ... import __version__
from ...asking.json_body import read_json
from ...words.errors import BadRequest
from ..http.errors import Trouble

GREETED = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The versions that are agreed upon by `initialize`."""
MODERN = ("2026-07-28",)
"""Those that each request says itself."""
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
UNSUPPORTED_VERSION = -32022
_STATUSES = {PARSE_ERROR: 400, INVALID_REQUEST: 400}
_VERSION = "io.modelcontextprotocol/protocolVersion"
_SERVER = {"name": "imagine", "title": "Imagine", "version": __version__}
_ABLE: Mapping[str, Any] = {"tools": {"listChanged": False}, "resources": {"listChanged": False, "subscribe": False}}
_INSTRUCTIONS = (
    "This server draws pictures on its owner's machine. generate_image and edit_image answer with a small picture "
    "and the address of the whole one, imagine://pictures/NAME, which edit_image and get_image take. What takes longer "
    "than wait_seconds goes on as a job, which get_image waits for and cancel_job ends."
)
_HOUR = 3_600_000
_MOST_NAME = 1000
"""Characters of what a client calls a request, or its progress: each is said again, that one with every step."""
_PARAMS = frozenset(["name", "arguments", "uri", "protocolVersion", "_meta"])
"""Those that something here reads: others aren't held while a picture is drawn."""


class ProtocolError(Exception):
    """A message that can't be answered, by JSON-RPC's number for why."""

    def __init__(self, code: int, said: str, data: object = None) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.data = data

    @property
    def status(self) -> int:
        """HTTP's for it: what JSON-RPC says of a request that was read stands in an answer that is one."""
        return _STATUSES.get(self.code, 200)


class McpCall(NamedTuple):
    """A request, or a notification, which has no id and gets no answer."""

    method: str
    params: dict[str, Any]
    id: str | int | None

    @property
    def is_modern(self) -> bool:
        """Does it say its version itself?"""
        return self._meta.get(_VERSION) in MODERN

    @property
    def progress_token(self) -> str | int | None:
        """What it wants its progress to be told by; None where it doesn't."""
        token = self._meta.get("progressToken")
        return token if _is_name(token) else None

    @property
    def _meta(self) -> Mapping[str, Any]:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, Mapping) else {}

    def text(self, name: str) -> str:
        """A parameter that is text. Raises ProtocolError."""
        value = self.params.get(name)
        if not isinstance(value, str):
            raise ProtocolError(INVALID_PARAMS, f"params.{name} must be text")
        return value

    def check_version(self) -> None:
        """Raises ProtocolError for a version of its own that isn't spoken here."""
        said = self._meta.get(_VERSION)
        if said is not None and said not in MODERN:
            raise ProtocolError(
                UNSUPPORTED_VERSION,
                "this version of the protocol isn't spoken here",
                {"supported": [*GREETED, *MODERN], "requested": str(said)[:_MOST_NAME]},
            )


def call_from(body: bytes) -> McpCall:
    """The message in a body. Raises ProtocolError."""
    try:
        message = read_json(body)
    except BadRequest as error:
        raise ProtocolError(PARSE_ERROR, str(error.note)) from error
    method, params, name = message.get("method"), message.get("params"), message.get("id")
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise ProtocolError(INVALID_REQUEST, "this is no request of JSON-RPC 2.0")
    if params is not None and not isinstance(params, dict):
        raise ProtocolError(INVALID_REQUEST, "params must be an object")
    if "id" in message and not _is_name(name):
        raise ProtocolError(INVALID_REQUEST, f"id must be text of at most {_MOST_NAME} characters or a whole number")
    read = {each: part for each, part in (params or {}).items() if each in _PARAMS}
    if isinstance(meta := read.get("_meta"), Mapping):
        read["_meta"] = {each: meta[each] for each in (_VERSION, "progressToken") if each in meta}
    return McpCall(method, read, name)


def _is_name(said: object) -> TypeGuard[str | int]:
    return len(said) <= _MOST_NAME if isinstance(said, str) else isinstance(said, int) and not isinstance(said, bool)


def result_of(call: McpCall, result: Mapping[str, Any], *, cached: bool = False) -> dict[str, Any]:
    """The answer to a request. `cached`: it stays as it is while the server runs."""
    more: dict[str, Any] = {"resultType": "complete"} if call.is_modern else {}
    if call.is_modern and call.method not in ("tools/call", "ping"):
        more |= {"ttlMs": _HOUR if cached else 0, "cacheScope": "private"}
    return {"jsonrpc": "2.0", "id": call.id, "result": {**result, **more}}


def error_of(call: McpCall | None, error: ProtocolError) -> dict[str, Any]:
    """The answer to a message that can't be answered."""
    told = {"code": error.code, "message": error.said} | ({} if error.data is None else {"data": error.data})
    return {"jsonrpc": "2.0", "id": call.id if call else None, "error": told}


def refused(call: McpCall | None, trouble: Trouble) -> dict[str, Any]:
    """As `error_of`, of what goes wrong in any dialect."""
    code = INTERNAL if trouble.status >= 500 else INVALID_REQUEST
    return error_of(call, ProtocolError(code, trouble.sentence({}), {"code": trouble.note.code}))


def progress_of(token: str | int, done: int, total: int, said: str) -> dict[str, Any]:
    """What is told on the way."""
    params = {"progressToken": token, "progress": done, "total": total, "message": said}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def greeting(call: McpCall) -> dict[str, Any]:
    """What `initialize` gets: the version that the client speaks, or the newest of ours that it may."""
    asked = call.params.get("protocolVersion")
    version = asked if asked in GREETED else GREETED[-1]
    return {"protocolVersion": version, "capabilities": _ABLE, "serverInfo": _SERVER, "instructions": _INSTRUCTIONS}


def discovery() -> dict[str, Any]:
    """What `server/discover` gets."""
    about = {"io.modelcontextprotocol/serverInfo": _SERVER}
    versions = [*MODERN, *reversed(GREETED)]
    return {"supportedVersions": versions, "capabilities": _ABLE, "instructions": _INSTRUCTIONS, "_meta": about}
