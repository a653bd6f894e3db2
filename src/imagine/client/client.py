"""The native API from the client's side, over TCP or a Unix socket: requests out, lines of events in."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

from ..messages import Language, Message, in_english
from ..processes.postponed import postponed
from ..words.errors import ImagineError
from .address import Address, Unreachable, connect

with postponed("ssl"):  # a tenth of a command's time, for what only https:// needs
    import http.client

CONNECT_TIMEOUT = 5.0
"""Seconds to connect."""
ANSWER_TIMEOUT = 60.0
"""Seconds for the short questions, which a server answers at once, unless its machine has no time for it."""
DIGEST_TIMEOUT = 600.0
"""Seconds for what may have to look into every model there is."""


_AGAIN = 0.5
"""Seconds before a connection that broke is made again."""
BLOCKED = "blocked"
_PICTURE_FIRST = b'{"img":"'
"""How a line begins that holds an enlarged picture."""
_PIECE = 2**16
_DATA = b"data: "
"""What an event of a stream begins with."""


def _ignored(_: socket.socket) -> None:
    """Nobody wants to hang up from elsewhere."""


class ResponseError(ImagineError):
    """The server's own sentence on why not, its code for that, and the HTTP status it came with; 0 within a stream."""

    def __init__(self, note: Message, status: int = 0, code: str = "") -> None:
        super().__init__(note)
        self.status = status
        self.code = code


class Disconnected(ImagineError):
    """The server went away in the middle of an answer."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = connect(self._address, self.timeout)


class Client:
    """One server. Every call makes its own connection; nothing is kept open between them."""

    def __init__(self, address: Address, *, api_key: str | None = None, language: Language = "en") -> None:
        """`language` is that of the server's sentences."""
        self.address = address
        self._has_key = bool(api_key)
        self._headers = ({"Authorization": f"Bearer {api_key}"} if api_key else {}) | {"Accept-Language": language}

    def health(self, timeout: float = ANSWER_TIMEOUT) -> dict[str, Any]:
        """What `/health` says. Raises Unreachable where nobody answers, or what answers isn't Imagine."""
        try:
            health = self.ask("GET", "/health", timeout=timeout)
        except (ResponseError, Disconnected) as error:
            raise Unreachable(in_english(f"what answers at {self.address} is not imagine")) from error
        if health.get("name") != "imagine":
            raise Unreachable(in_english(f"what answers at {self.address} is not imagine"))
        return health

    def models(self, digest: str | None = None) -> dict[str, Any]:
        """What `/models` says: `models`, their `details`, and `others`; with a `digest`, only those known by it."""
        if digest is None:
            return self.ask("GET", "/models")
        return self.ask("GET", f"/models?digest={quote(digest, safe='')}", timeout=DIGEST_TIMEOUT)

    def loaded(self) -> list[dict[str, Any]]:
        """Of `models`, what is loaded, by itself a model or not: a file without a VAE draws with one that is named."""
        models = self.models()
        return [entry for entry in models["details"] + models["others"] if entry.get("loaded")]

    def model(self, name: str) -> dict[str, Any]:
        """What `/models/NAME` says: the details of one, its digest among them."""
        return self.ask("GET", f"/models/{quote(name, safe='/')}", timeout=DIGEST_TIMEOUT)

    def presets(self) -> dict[str, Any]:
        """What `/presets` says: `presets`, by what they set."""
        return self.ask("GET", "/presets")

    def unload(self, name: str) -> dict[str, Any]:
        """Let a loaded model go."""
        return self.ask("DELETE", f"/models/{quote(name, safe='/')}/loaded")

    def ask(self, method: str, path: str, *, timeout: float = ANSWER_TIMEOUT) -> dict[str, Any]:
        """The JSON object that a short question gets. Raises Unreachable, Refused, Disconnected."""
        with self._answer(method, path, None, timeout=timeout) as answer:
            try:
                return _object(answer.read())
            except (OSError, http.client.HTTPException) as error:
                raise Disconnected(in_english(f"imagine at {self.address} broke off its answer")) from error

    def change(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Have the server change which models there are. Raises Unreachable, Refused, Disconnected."""
        with self._answer(method, path, json.dumps(dict(body)).encode(), timeout=DIGEST_TIMEOUT) as answer:
            self._read(answer.read)

    def pull(self, name: str) -> Generator[dict[str, Any], None, None]:
        """The lines of `/api/pull` as they come. Raises Unreachable, Refused, Disconnected."""
        with self._answer("POST", "/api/pull", json.dumps({"model": name}).encode(), timeout=None) as answer:
            while line := self._line(answer):
                event = _object(line)
                if "error" in event:
                    raise ResponseError(in_english(str(event["error"])))
                yield event

    def plan(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `/assist` says: the plan for a wish, without the picture. Raises Unreachable, Refused, Disconnected."""
        with self._answer("POST", "/assist", json.dumps(dict(body)).encode(), timeout=None) as answer:
            return _object(self._read(answer.read))

    def generate(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """The lines of `/generate` as they come, the last picture's `final` one last; `BLOCKED` is the status of one of
        several that isn't shown.

        Closing the iterator hangs up, and that takes the job back. Raises Unreachable, Refused, Disconnected.
        """
        yield from self._events("/generate", body, max(1, body.get("count") or 1))

    def detach(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The order that is made of it, whether anybody waits or not. Raises as `plan`."""
        with self._answer("POST", "/jobs", json.dumps(dict(body)).encode(), timeout=ANSWER_TIMEOUT) as answer:
            return _object(self._read(answer.read))

    def detached(self, *, everybodys: bool = False) -> list[dict[str, Any]]:
        """The detached orders there are, the newest first: the asker's, or, with a key for that, everybody's."""
        path = "/jobs?all=1" if everybodys else "/jobs"
        found: list[dict[str, Any]] = self.ask("GET", path).get("detached", [])
        return found

    def detached_order(self, order: str) -> dict[str, Any]:
        """How far one is."""
        return self.ask("GET", f"/jobs/{quote(order, safe='')}")

    def take_back(self, order: str) -> dict[str, Any]:
        """Take one back; of one that has ended, how."""
        return self.ask("DELETE", f"/jobs/{quote(order, safe='')}")

    def follow(self, order: str, patience: float = 60.0) -> Generator[dict[str, Any], None, None]:
        """What happens to a detached order, to its `end`, each once: where the connection breaks, or the server is
        started again, it goes on behind the last. Closing the iterator leaves the order as it is.

        Raises ResponseError; Unreachable where nobody answers for `patience` seconds.
        """
        path, after, quiet = f"/jobs/{quote(order, safe='')}/events", "", 0.0
        while True:
            try:
                with self._answer("GET", path + (after and f"?after={after}"), None, timeout=None) as answer:
                    while line := self._line(answer):
                        if line.strip():
                            event = _object(line)
                            after, quiet = event["seq"], 0.0
                            yield event
                            if event["status"] == "end":
                                return
            except (Disconnected, Unreachable):
                if quiet >= patience:
                    raise
            time.sleep(_AGAIN)
            quiet += _AGAIN

    def picture(self, address: str) -> bytes:
        """A picture that the server said is kept at that URL: asked for here, however the server calls itself."""
        name = quote(address.rpartition("/")[2], safe="")
        with self._answer("GET", f"/pictures/{name}", None, timeout=ANSWER_TIMEOUT) as answer:
            return self._read(answer.read)

    def converse(
        self, message: Mapping[str, Any], connected: Callable[[socket.socket], None] = _ignored
    ) -> Generator[dict[str, Any], None, None]:
        """What a message of MCP gets at `/mcp`: what is told on the way, if anything, and its answer last.

        `connected` is given the connection before anything is waited for: who shuts it hangs up. Raises Unreachable,
        ResponseError, Disconnected.
        """
        body, accept = json.dumps(dict(message)).encode(), "application/json, text/event-stream"
        with self._answer("POST", "/mcp", body, timeout=None, accept=accept, connected=connected) as answer:
            if answer.headers.get_content_type() != "text/event-stream":
                yield _object(self._read(answer.read))
                return
            while line := self._line(answer):
                if line.startswith(_DATA):
                    yield _object(line.removeprefix(_DATA))

    def preprocess(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """The lines of `/preprocess` as they come, with `progress` in `body`: the map is in the last one, `final`.

        As `generate` otherwise.
        """
        yield from self._events("/preprocess", body, 1)

    def _events(self, path: str, body: Mapping[str, Any], expected: int) -> Generator[dict[str, Any], None, None]:
        """The lines of an answer, which are whole once so many of them are final."""
        finals = 0
        with self._answer("POST", path, json.dumps(dict(body)).encode(), timeout=None) as answer:
            while line := self._line(answer):
                event = _object(line)
                status = event.get("status", "final")
                if "error" in event and status != BLOCKED:
                    raise ResponseError(in_english(str(event["error"])))
                finals += status in ("final", BLOCKED)
                yield event
        if finals < expected:
            raise self._gone()

    def upscale(self, body: Mapping[str, Any], into: BinaryIO) -> Generator[dict[str, Any], None, None]:
        """The lines of `/upscale` as they come, with `progress` in `body`; the picture goes into a file as it comes.

        Closing the iterator hangs up, and that takes the job back. Raises Unreachable, Refused, Disconnected.
        """
        with self._answer("POST", "/upscale", json.dumps(dict(body)).encode(), timeout=None) as answer:
            event: dict[str, Any] = {}
            while start := self._read(lambda: answer.readline(len(_PICTURE_FIRST))):
                if start == _PICTURE_FIRST:
                    event = _object(b"{" + self._picture(answer, into).lstrip(b","))
                else:
                    event = _object(start + self._line(answer))
                    into.write(base64.b64decode(event.pop("img", "")))
                if "error" in event:
                    raise ResponseError(in_english(str(event["error"])))
                yield event
        if event.get("status") != "final":
            raise self._gone()

    def _picture(self, answer: http.client.HTTPResponse, into: BinaryIO) -> bytes:
        """Writes the base64 that comes, up to its closing quote; the rest of the line."""
        text = b""
        while piece := self._read(lambda: answer.read1(_PIECE)):
            text += piece
            end = text.find(b'"')
            whole = len(text) // 4 * 4 if end < 0 else end
            into.write(base64.b64decode(text[:whole]))
            if end >= 0:
                rest = text[end + 1 :]
                return rest if rest.endswith(b"\n") else rest + self._line(answer)
            text = text[whole:]
        raise self._gone()

    def _line(self, answer: http.client.HTTPResponse) -> bytes:
        return self._read(answer.readline)

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, http.client.HTTPException) as error:
            raise self._gone() from error

    def _gone(self) -> Disconnected:
        return Disconnected(in_english(f"imagine at {self.address} went away before the picture was done"))

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, body: bytes | None, *, timeout: float | None, accept: str = "",
        connected: Callable[[socket.socket], None] = _ignored,
    ) -> Iterator[http.client.HTTPResponse]:  # fmt: skip
        connection = self._connection()
        try:
            try:
                connection.connect()
            except OSError as error:
                raise self._unreachable() from error
            connection.sock.settimeout(timeout)
            connected(connection.sock)
            with self._sent(
                connection, method, path, body, accept
            ) as answer:  # it may hold the socket beyond its connection
                yield answer
        finally:
            connection.close()

    def _sent(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, accept: str
    ) -> http.client.HTTPResponse:
        headers = self._headers | ({"Accept": accept} if accept else {})
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self.address.prefix + path, body=body, headers=headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                with answer:
                    sentence, code = _refusal(answer)
                    sentence = self._keyless() if answer.status == 401 else sentence
                    raise ResponseError(in_english(sentence), answer.status, code)
        except (OSError, http.client.HTTPException) as error:
            raise Disconnected(in_english(f"imagine at {self.address} broke off its answer")) from error
        return answer

    def _keyless(self) -> str:
        """Why the server doesn't let this client in, and what its user can do."""
        if self._has_key:
            return f"the server at {self.address} refuses the key that IMAGINE_API_KEY holds"
        return f"the server at {self.address} needs its API key; set IMAGINE_API_KEY to it"

    def _connection(self) -> http.client.HTTPConnection:
        at = self.address
        if at.socket is not None:
            return _UnixConnection(at, CONNECT_TIMEOUT)
        kind = http.client.HTTPSConnection if at.secure else http.client.HTTPConnection
        return kind(at.host, at.port, timeout=CONNECT_TIMEOUT)

    def _unreachable(self) -> Unreachable:
        return Unreachable(
            in_english(f"could not connect to imagine at {self.address}, run 'imagine serve' to start it")
        )


def _object(data: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(data)
    except ValueError as error:
        raise Disconnected(in_english("the server's answer is not JSON")) from error
    if not isinstance(parsed, dict):
        raise Disconnected(in_english("the server's answer is not a JSON object"))
    return parsed


def _refusal(answer: http.client.HTTPResponse) -> tuple[str, str]:
    """The server's own words, or at least its status; and its code for what is wrong, "" where it has none."""
    with contextlib.suppress(ValueError, Disconnected):
        refusal = _object(answer.read(65_536))
        if isinstance(sentence := refusal.get("error"), str):
            return sentence, str(refusal.get("code", ""))
    return f"the server answered {answer.status} {answer.reason}", ""
