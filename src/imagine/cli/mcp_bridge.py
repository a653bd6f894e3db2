"""Messages of the Model Context Protocol, a line each, carried to the server and back.

The server answers them; here only files are opened and saved, which it must not do. Each request has a thread of its
own, so that a long one holds up no other, and one that is cancelled hangs up, which takes its picture back.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from base64 import b64decode
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

from ..words.errors import ImagineError
from .mcp_folders import AgentFolders

if TYPE_CHECKING:
    from ..client.client import Client

McpMessage = dict[str, Any]
_INTERNAL, _PARSE_ERROR = -32603, -32700
_DRAWING = ("generate_image", "edit_image", "get_image")


class Bridge:
    """One agent's side of it; `write` takes a line at a time."""

    def __init__(self, server: Callable[[], Client], folders: AgentFolders, write: Callable[[bytes], None]) -> None:
        self._server = server
        self._folders = folders
        self._write = write
        self._writing = threading.Lock()
        self._open: dict[object, socket.socket | None] = {}
        """By the ids of requests that are on their way: what each hangs up by, once it is connected."""
        self._opening = threading.Lock()

    def serve(self, lines: Iterable[bytes]) -> None:
        """Carries every line, up to the end of them: the agent is gone then, and what it waits for is taken back."""
        for line in lines:
            if not line.isspace():
                self._take(line)
        for name in list(self._open):
            self._hang_up(name)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._say(_error(None, _PARSE_ERROR, "this line is no JSON object"))
        elif message.get("method") == "notifications/cancelled":
            cancelled = message.get("params")
            self._hang_up(cancelled.get("requestId") if isinstance(cancelled, dict) else None)
        elif isinstance(message.get("id"), str | int) and "method" in message:
            self._open[message["id"]] = None
            threading.Thread(target=self._carry, args=(message,), daemon=True).start()

    def _carry(self, message: McpMessage) -> None:
        """One request, up to its answer; none, where it was cancelled."""
        name = message["id"]
        try:
            for answer in self._answers(message):
                if name in self._open:
                    self._say(answer)
        except Exception as error:
            if name in self._open:
                self._say(_error(name, _INTERNAL, str(error)))
            if not isinstance(error, ImagineError):  # a bug: the agent has its answer, its user is to see where
                raise
        finally:
            self._open.pop(name, None)

    def _answers(self, message: McpMessage) -> Generator[McpMessage, None, None]:
        tool = _tool_of(message)
        if tool == "edit_image":
            try:
                said = self._folders.with_pictures(_arguments_of(message))
            except ImagineError as error:  # the model that named it can do better
                yield _told(message["id"], str(error))
                return
            message = {**message, "params": {**message["params"], "arguments": said}}
        client = self._server()
        for answer in client.converse(message, lambda sock: self._connected(message["id"], sock)):
            result = answer.get("result")
            if tool in _DRAWING and self._folders and isinstance(result, dict) and not result.get("isError"):
                self._save(client, result, str(_arguments_of(message).get("prompt", "picture")))
            if message.get("method") == "tools/list" and self._folders and isinstance(result, dict):
                _tell_of(self._folders, result)
            yield answer

    def _save(self, client: Client, result: McpMessage, prompt: str) -> None:
        """Saves the whole pictures that a result names, and says where. That one can't be is said, too."""
        saved = []
        for picture in (result.get("structuredContent") or {}).get("pictures") or []:
            if "uri" not in picture:
                continue
            asked = {"jsonrpc": "2.0", "id": 0, "method": "resources/read", "params": {"uri": picture["uri"]}}
            try:
                (answer,) = client.converse(asked)
                (content,) = answer["result"]["contents"]
                data = b64decode(content["blob"])
                path = self._folders.save(data, content["mimeType"], prompt, str(picture.get("seed", "")))
            except (ImagineError, KeyError, ValueError) as error:
                saved.append(f"not saved: {error}")
            else:
                picture["path"] = str(path)
                saved.append(f"saved as {path}")
        result["content"] = [*result["content"], *({"type": "text", "text": each} for each in saved)]

    def _connected(self, name: object, sock: socket.socket) -> None:
        with self._opening:
            if name in self._open:
                self._open[name] = sock
                return
        _shut(sock)  # it was cancelled before

    def _hang_up(self, name: object) -> None:
        with self._opening:
            sock = self._open.pop(name, None) if isinstance(name, str | int) else None
        if sock is not None:
            _shut(sock)

    def _say(self, message: McpMessage) -> None:
        with self._writing:
            self._write(json.dumps(message).encode() + b"\n")


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _tool_of(message: McpMessage) -> str | None:
    params = message.get("params")
    return params.get("name") if message.get("method") == "tools/call" and isinstance(params, dict) else None


def _arguments_of(message: McpMessage) -> McpMessage:
    said = message["params"].get("arguments")
    return said if isinstance(said, dict) else {}


def _tell_of(folders: AgentFolders, result: McpMessage) -> None:
    """What the folders make possible, in the tools' descriptions: a model knows nothing else."""
    for tool in result.get("tools") or []:
        if tool.get("name") == "edit_image":
            tool["description"] += f" image and mask may also be paths of files in: {folders}."
        if tool.get("name") in _DRAWING:
            tool["description"] += " The whole picture is saved, and its path told."


def _told(name: object, said: str) -> McpMessage:
    result = {"content": [{"type": "text", "text": said}], "isError": True, "resultType": "complete"}
    return {"jsonrpc": "2.0", "id": name, "result": result}


def _error(name: object, code: int, said: str) -> McpMessage:
    return {"jsonrpc": "2.0", "id": name, "error": {"code": code, "message": said}}
