"""`/api/*`: the requests of clients that were written for Ollama, answered."""

from __future__ import annotations

import contextlib
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec
from aiohttp import web

from ... import __version__
from ...asking.checking import refusal
from ...asking.json_body import read_json
from ...asking.resolve import keep_alive_seconds
from ...fairness.allowance import Holding
from ...messages import Message, message
from ...registry.identify import MODEL_KINDS
from ...words.errors import BadRequest, ModelNotFound
from ...words.events import Failed, Finished
from ..gateway.devices import rooms_of
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED
from ..http.encoding import NDJSON, body_from
from ..http.encoding import line_from as bytes_of
from ..http.errors import trouble_from
from ..http.security import GUARD, client_of
from ..orders.connection import pictures_of, place, send_events
from ..orders.event_log import OrderEvent
from ..orders.order import Order
from .answers import answer_from, end_from, line_from, news_from, picture_from
from .errors import error_from
from .listing import PULLED, loaded_from_entry, model_from_entry, pulled_from_entry, shown_from_entry
from .requests import LATEST, ParsedRequest, request_from_body

VERSION = "0.32.5"
"""The last release of Ollama that had this API, which clients compare with what they need."""


async def root(_: web.Request) -> web.Response:
    """The line by which its programs know that it is there."""
    return web.Response(text="Ollama is running")


async def version(_: web.Request) -> web.Response:
    """The release whose API this is, and which Imagine it is."""
    return _json({"version": VERSION, "imagine": __version__})


async def tags(request: web.Request) -> web.Response:
    """The models there are, and the owner's names for them."""
    gateway = request.app[GATEWAY]
    entries = [entry for entry in await gateway.entries() if entry.generates]
    own = {name: entry for name, entry in (await gateway.aliases()).items() if name in gateway.settings.aliases.own}
    listed = [*(model_from_entry(entry) for entry in entries), *(model_from_entry(own[name], name) for name in own)]
    return _json({"models": listed})


async def show(request: web.Request) -> web.Response:
    """What is known of a model."""
    gateway = request.app[GATEWAY]
    entry = await gateway.choose(_named(await _body(request)))
    return _json(shown_from_entry(entry, gateway.defaults_of(entry), rooms_of(gateway.pool)))


async def pull(request: web.Request) -> web.StreamResponse:
    """Brings a model here; of one that is here already says so at once, since programs pull before they ask."""
    body = await _body(request)
    name, streams = _named(body), body.get("stream")
    if streams is not None and not isinstance(streams, bool):
        raise BadRequest(refusal("stream", streams, message("allowed.bool")).note.called("stream"))
    try:
        entry = await request.app[GATEWAY].choose(name)
    except ModelNotFound:
        from .library import pulled  # what asks other machines is there only once somebody wants it

        return await pulled(request, name, streams=streams is not False)
    if streams is False:
        return _json(PULLED)
    return web.Response(body=b"".join(map(bytes_of, pulled_from_entry(entry))), content_type=NDJSON)


async def delete(request: web.Request) -> web.Response:
    """Removes a model."""
    from .library import deleted

    return await deleted(request, _named(await _body(request)))


async def copy(request: web.Request) -> web.Response:
    """Gives a model a second name."""
    from .library import copied

    body = await _body(request)
    return await copied(request, *(_text(body, field) for field in ("source", "destination")))


async def create(request: web.Request) -> web.StreamResponse:
    """Makes a model of others, or of files that were sent."""
    from .creating import created

    body = await _body(request)
    streams = body.get("stream")
    if streams is not None and not isinstance(streams, bool):
        raise BadRequest(refusal("stream", streams, message("allowed.bool")).note.called("stream"))
    _named(body)
    return await created(request, body, streams=streams is not False)


async def blob(request: web.Request) -> web.Response:
    """Says whether a file that was sent is here, by its digest."""
    from .creating import blob_is_here

    return await blob_is_here(request, request.match_info["digest"])


async def receive_blob(request: web.Request) -> web.Response:
    """Takes a file that a model is to be made of."""
    from .creating import blob_received

    return await blob_received(request, request.match_info["digest"])


async def _body(request: web.Request) -> dict[str, Any]:
    with request.app[GATEWAY].allowance.holding() as holding:
        return _object(await read_body(request, holding))


def _named(body: dict[str, Any]) -> str:
    """The model that a body names. Raises BadRequest."""
    name = body.get("model") or body.get("name")
    if not isinstance(name, str):
        missing = message("value.missing", "model", allowed=message("allowed.model"))
        raise BadRequest(missing, reason="missing")
    return name.removesuffix(LATEST)


def _text(body: dict[str, Any], field: str) -> str:
    """What a field of a body says. Raises BadRequest."""
    text = body.get(field)
    if not isinstance(text, str) or not text:
        raise BadRequest(message("value.missing", field, allowed=message("allowed.model")), reason="missing")
    return text.removesuffix(LATEST)


async def ps(request: web.Request) -> web.Response:
    """The models that are loaded."""
    gateway = request.app[GATEWAY]
    resident = gateway.resident()
    entries = [e for e in await gateway.entries() if e.kind in MODEL_KINDS and e.name in resident]
    now = time.time()
    return _json({"models": [loaded_from_entry(e, resident[e.name], now) for e in entries]})


async def generate(request: web.Request) -> web.StreamResponse:
    """Makes pictures; with an empty prompt, loads a model or lets it go."""
    gateway = request.app[GATEWAY]
    begun = time.monotonic()
    with gateway.allowance.holding() as holding, _drawing():
        parsed = await _parsed(request, holding)
        CALLED.set(parsed.names)
        if parsed.loads:
            request.app[GUARD].require(request, "models")
            return await _load(gateway, parsed, begun)
        teller = await _placed(request, parsed, holding, begun)
        stream = parsed.stream
        del parsed  # a photo takes long to denoise
        if stream:
            return await send_events(request, teller.order, teller.line, _last_line, media_type=NDJSON)
        finished = [picture.finished for picture in await pictures_of(request, teller.order)]
    end = end_from(finished, teller.warnings, time.monotonic() - begun, CALLED.get())
    return _json(answer_from(teller.model, time.time(), finished, end))


class _Teller:
    """Says of one request's events what its client is to hear."""

    def __init__(self, model: str, order: Order, warnings: list[Message], begun: float) -> None:
        self.model = model
        self.order = order
        self._warnings = warnings
        self._begun = begun
        self._finished: list[Finished] = []
        self._ended = 0

    @property
    def warnings(self) -> list[Message]:
        """Of the request, and of what came of it so far."""
        return [*self._warnings, *self.order.warnings, *self.order.told_left_out]

    async def line(self, event: OrderEvent) -> bytes | None:
        """The line that an event makes: only the last picture's is the end."""
        report = event.report
        answer = self._ending(report) if isinstance(report, Finished | Failed) else news_from(report)
        if answer is None:
            return None
        which = {"index": event.index} if len(self.order.pictures) > 1 else {}
        return bytes_of(line_from(self.model, time.time(), **answer, **which))

    def _ending(self, report: Finished | Failed) -> dict[str, Any] | None:
        """One picture's line, which the last one's makes the end; one that isn't shown is told in its warnings."""
        self._ended += 1
        answer: dict[str, Any] = {}
        if isinstance(report, Finished):
            self._finished.append(report)
            answer = picture_from(report)
        if self._ended < len(self.order.pictures):
            return answer or None
        return answer | end_from(self._finished, self.warnings, time.monotonic() - self._begun, CALLED.get())


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """Who asks a model for words, which isn't here then, is told that this server has none."""
    try:
        yield
    except ModelNotFound as error:
        error.note = message("absent.words", "model", why=error.note, value=error.name)
        raise


async def _parsed(request: web.Request, holding: Holding) -> ParsedRequest:
    body = await read_body(request, holding)
    return await request.app[GATEWAY].read(body, lambda body: request_from_body(_object(body)), client_of(request))


async def _placed(request: web.Request, parsed: ParsedRequest, holding: Holding, begun: float) -> _Teller:
    gateway, generate = request.app[GATEWAY], parsed.request
    if generate.img is not None and (largest := gateway.settings.ref_image_max_size):
        client = client_of(request)
        _, looked = await gateway.look(client, generate.img, "img", copy="smaller", largest=largest, reduced=True)
        if looked.copy:
            generate = msgspec.structs.replace(generate, img=b64encode(looked.copy).decode("ascii"))
    order = await place(request, generate, holding, filled=parsed.filled)
    model = parsed.called or order.pictures[0].params.model
    return _Teller(model, order, parsed.warnings, begun)


async def _load(gateway: Gateway, parsed: ParsedRequest, begun: float) -> web.Response:
    """What an empty prompt asks for."""
    entry = await gateway.choose(parsed.request.model)
    keep_alive = keep_alive_seconds(parsed.request.keep_alive)
    if keep_alive == 0:
        await gateway.pool.models.unload(gateway.registry.base_of(entry).name)
    else:
        await gateway.pool.models.load(await gateway.to_load(entry.name), keep_alive)
        gateway.used(entry.name)
    reason = "unload" if keep_alive == 0 else "load"
    took = round((time.monotonic() - begun) * 1e9)
    end = {"done": True, "done_reason": reason, "total_duration": took, "load_duration": took}
    return _json(line_from(parsed.called or entry.name, time.time(), **end))


def _last_line(error: Exception) -> bytes:
    return bytes_of(error_from(trouble_from(error)))


def _object(body: bytes) -> dict[str, Any]:
    if not body or body.isspace():
        raise BadRequest(message("body.missing"))
    return read_json(body)


def _json(value: object) -> web.Response:
    return web.Response(body=body_from(value), content_type="application/json")
