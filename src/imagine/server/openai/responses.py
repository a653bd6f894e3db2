"""`/v1/responses`: what the tool `image_generation` is asked for, drawn as the Images API would draw it."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from ...asking.json_body import read_json
from ...asking.request import MAX_PROMPT
from ...fairness.allowance import Holding
from ...messages import Message, message, sentences
from ...pictures.images import decode_base64
from ...words.errors import ModelNotFound
from ...words.events import Finished, Preview, Progress
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.security import GUARD, Refused, client_of
from ..orders.connection import pictures_of, send_events
from ..orders.encode import encoded
from ..orders.event_log import OrderEvent
from .errors import error_from
from .fields import EDIT
from .requests import images_request_from
from .responses_kept import find, missing, recipe_of, remove
from .responses_replies import (
    About,
    ResponseEvents,
    finished_item,
    item_from,
    response_from,
    told_of_request,
    told_of_tool,
)
from .responses_requests import NAMED, TOOL, ResponsesWish, images_body_from, wish_from
from .routes import PlacedOrder, place_images, usual_of

_SHOWN = 100
"""Characters of a name that isn't known."""
_EVENTS = "text/event-stream"
_EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
_CALLED = NAMED | {"image": "input", "reference_images": "input"}


class PlacedResponse(NamedTuple):
    """An order on its way, and what is known of the response that it becomes."""

    images: PlacedOrder
    about: About
    warnings: list[Message]

    def answer(self, finished: Finished) -> tuple[dict[str, Any], dict[str, Any]]:
        """The finished call, and the response that holds it."""
        order = self.images.order
        notes = [*self.warnings, *self.images.warnings, *order.warnings, *finished.warnings]
        item = finished_item(self.about, finished, self.images.delivery)
        told = {"seed": item["seed"], "warnings": sentences(notes, called=self.images.called)}
        return item, response_from(self.about, "completed", [item], **told)


async def create(request: web.Request) -> web.StreamResponse:
    """Draws, or changes, a picture."""
    placed = await _placed(request)
    if placed.images.delivery.stream:
        return await _stream(request, placed)
    (picture,) = await pictures_of(request, placed.images.order)
    return _json(placed.answer(picture.finished)[1])


async def retrieve(request: web.Request) -> web.Response:
    """A response that is kept, as its picture tells it."""
    identifier = request.match_info["id"]
    kept = await find(request.app[GATEWAY].stored, identifier)
    if kept is None:
        raise Refused(404, message("responses.unknown", "id", value=identifier[:_SHOWN]))
    meta, created = kept.meta, int(kept.made)
    action = "edit" if meta.get("img") else "generate"
    about = About(kept.name, str(meta.get("model", "")), action, {"type": TOOL}, {}, created)
    told = {"revised_prompt": meta.get("prompt"), "seed": str(meta["seed"])} if "seed" in meta else {}
    item = item_from(about, "completed", result=b64encode(kept.data).decode("ascii"), **told)
    return _json(response_from(about, "completed", [item]))


async def delete(request: web.Request) -> web.Response:
    """Keeps a response's picture no longer, where it is that key's which asks, or the server's own key asks."""
    identifier, owner = request.match_info["id"], request.app[GUARD].key_of(request)
    if not await remove(request.app[GATEWAY].stored, identifier, owner):
        raise Refused(404, message("responses.unknown", "id", value=identifier[:_SHOWN]))
    return _json({"id": identifier, "object": "response", "deleted": True})


async def _placed(request: web.Request) -> PlacedResponse:
    gateway = request.app[GATEWAY]
    CALLED.set(_CALLED)
    with gateway.allowance.holding() as holding:
        body = await _read(request, holding)
        wish = wish_from(body)
        model, notes = await _model(gateway, wish)
        drawn = await _drawn(gateway, wish)
        usual = await usual_of(gateway, {"model": model})
        words = wish.words
        if wish.kind is EDIT and drawn and not usual.sees:
            words = await gateway.apart(partial(_joined, drawn, wish.words))
        images = images_body_from(wish, model, b64encode(drawn).decode("ascii"), words)
        translated = images_request_from(images, wish.kind, usual)
        translated = msgspec.structs.replace(translated, spelled=translated.spelled | _spelled(translated.spelled))
        name = gateway.stored.new_name(_EXTENSIONS[translated.delivery.format], request.app[GUARD].key_of(request))
        kept = {} if wish.fields.store is False else {"store": "too", "name": name}
        del images, drawn
        placed = await place_images(
            request, translated, holding, msgspec.structs.replace(translated.delivery.output, **kept)
        )
    action = "edit" if wish.kind is EDIT else "generate"
    shown = wish.fields.model or placed.order.pictures[0].params.model
    name = placed.order.output.name or name  # of the order that was made for the same Idempotency-Key before
    about = About(name, shown, action, told_of_tool(wish.tool), told_of_request(body), int(time.time()))
    return PlacedResponse(placed, about, [*wish.warnings, *notes])


async def _read(request: web.Request, holding: Holding) -> dict[str, Any]:
    body = await read_body(request, holding)
    return await request.app[GATEWAY].read(body, read_json, client_of(request))


async def _model(gateway: Gateway, wish: ResponsesWish) -> tuple[str | None, list[Message]]:
    """What draws: the tool's model; else the request's, where that is one of ours and no language model's name."""
    if (own := wish.tool.get("model")) or not wish.fields.model:
        return own, []
    try:
        await gateway.choose(wish.fields.model)
    except ModelNotFound:
        return None, [message("responses.model", "model", value=wish.fields.model[:_SHOWN])]
    return wish.fields.model, []


async def _drawn(gateway: Gateway, wish: ResponsesWish) -> bytes:
    """The picture that was drawn before and is to be changed; nothing where there is none. Raises BadRequest."""
    if wish.drawn is None:
        return b""
    identifier, result = wish.drawn
    if result:
        return await gateway.apart(lambda: decode_base64(result, field="img"))
    kept = await find(gateway.stored, identifier)
    if kept is None:
        of_response = identifier == wish.fields.previous_response_id
        raise missing("previous_response_id" if of_response else "input", identifier)
    return kept.data


def _joined(drawn: bytes, words: str) -> str:
    """The words for a model that doesn't see what it changes: what the picture was drawn from, and what is new."""
    before = recipe_of(drawn).get("prompt")
    joined = f"{before}, {words}"
    return joined if isinstance(before, str) and before and len(joined) <= MAX_PROMPT else words


def _spelled(spelled: dict[str, str]) -> dict[str, str]:
    return {ours: _CALLED.get(theirs, theirs) for ours, theirs in spelled.items()} | NAMED


async def _stream(request: web.Request, placed: PlacedResponse) -> web.StreamResponse:
    events = ResponseEvents(placed.about)

    def last(error: Exception) -> bytes:
        return events.failed(error_from(trouble_from(error)))

    teller = _teller(request.app[GATEWAY], placed, events)
    return await send_events(request, placed.images.order, teller, last, media_type=_EVENTS)


def _teller(
    gateway: Gateway, placed: PlacedResponse, events: ResponseEvents
) -> Callable[[OrderEvent], Awaitable[bytes | None]]:
    """What is sent of each event; steps are comments, so that nobody takes silence for the end."""
    delivery, sent, begun = placed.images.delivery, 0, False

    async def tell(event: OrderEvent) -> bytes | None:
        nonlocal sent, begun
        line, report = b"", event.report
        match report:
            case Preview() if sent < delivery.partial_images:
                data = await encoded(gateway, report.data, delivery.output)
                line, sent = events.partial(data, report.data, delivery, sent), sent + 1
            case Finished():
                line = events.done(*placed.answer(report))
            case Progress():
                line = f": step {report.step} of {report.steps}\n\n".encode()
        if not line:
            return None
        begins, begun = not begun, True
        return events.begun() + line if begins else line

    return tell


def _json(value: object) -> web.Response:
    return web.Response(body=body_from(value), content_type="application/json")
