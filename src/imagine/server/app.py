"""All routes, and what surrounds every request: its id, the guard, and errors becoming answers."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence

from aiohttp import web

from ..messages import NO_NAMES, language_from_header
from .dialects import DIALECTS
from .gateway.gateway import Gateway
from .gateway.keys import GATEWAY
from .hosting import kept as hosting
from .http.body import MAX_BODY
from .http.context import CALLED, LANGUAGE, LIMIT, ORDER_HEADER, ORDER_ID, REQUEST_ID
from .http.dialect import SPOKEN, Dialect, Handler, answer_to, limits_said, spellings_of
from .http.errors import SAFE, Trouble, trouble_from
from .http.packing import add_vary, pack
from .http.paths import OtherSpellings, pattern_of
from .http.scopes import scopes_needed
from .http.security import GUARD, Guard
from .orders.connection import LASTING, ORDERS
from .orders.lasting_door import LastingDoor
from .orders.orders import Orders

_log = logging.getLogger("imagine.http")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def make_app(gateway: Gateway, dialects: Sequence[Dialect] = DIALECTS) -> web.Application:
    """The application around a gateway, which speaks these dialects; the caller starts and stops the gateway."""
    app = web.Application(middlewares=[_surround], client_max_size=MAX_BODY)
    app[GATEWAY] = gateway
    app[ORDERS] = Orders(gateway)
    bodies = {each.name.lower(): each.called for each in dialects if each.called is not None}
    app[LASTING] = LastingDoor(gateway, app[ORDERS], bodies)
    _make_what_lasts(app)
    silent = {each.name for each in gateway.settings.dialects if not each.spoken}
    app[SPOKEN] = dialects = [each for each in dialects if each.name.lower() not in silent]
    app[GUARD] = Guard(gateway.settings, scopes_needed(dialects))
    hosting.prepare(app)
    for dialect in dialects:
        dialect.prepare(app)
        for route in dialect.routes:
            app.router.add_route(route.method, route.path, route.handler)
            if route.method == "GET":
                app.router.add_route("HEAD", route.path, route.handler)
        for absent in dialect.absent:
            app.router.add_route(absent.method, absent.path, absent.refuse)
    app.router.register_resource(OtherSpellings(app.router, spellings_of(dialects)))
    app.on_response_prepare.append(_add_headers)
    return app


def _make_what_lasts(app: web.Application) -> None:
    """From the application's start to its end."""

    async def start(_: web.Application) -> None:
        app[LASTING].start()

    async def tell(_: web.Application) -> None:
        app[LASTING].say_goodbye()

    async def end(_: web.Application) -> None:
        await app[LASTING].close()

    app.on_startup.append(start)
    app.on_shutdown.append(tell)
    app.on_cleanup.append(end)


@web.middleware
async def _surround(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives the request its id, lets the guard look at it, and turns what goes wrong into an answer."""
    sent = request.headers.get("X-Request-Id", "")
    ORDER_ID.set("")
    LIMIT.set(None)
    REQUEST_ID.set(sent if _REQUEST_ID.fullmatch(sent) else secrets.token_urlsafe(9))
    LANGUAGE.set(language_from_header(request.headers.get("Accept-Language", "")))
    CALLED.set(NO_NAMES)
    response = await _answer(request, handler)
    pack(request, response)
    pattern = pattern_of(request) or "unknown"
    request.app[GATEWAY].metrics.answered(pattern, response.status)
    _log.debug("%s %s %d request=%s", request.method, pattern, response.status, REQUEST_ID.get())
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        request.app[GUARD].check(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204)
        return await handler(request)
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the border: nothing may leave as a traceback
        if request.method == "OPTIONS" and isinstance(error, web.HTTPMethodNotAllowed):
            return web.Response(
                status=204, headers={"Allow": error.headers["Allow"]}
            )  # some clients ask if we are here
        return _refused(request, trouble_from(error))


def _refused(request: web.Request, trouble: Trouble) -> web.Response:
    response = answer_to(request, trouble)
    if trouble.final:
        response.force_close()
    return response


async def _add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    assert isinstance(request, web.Request)
    response.headers.update(SAFE)
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Request-Id"] = REQUEST_ID.get()
    if order := ORDER_ID.get():
        response.headers[ORDER_HEADER] = order
    response.headers.update(limits_said(request))
    add_vary(response, "Origin")
    response.headers.update(request.app[GUARD].cors(request))
