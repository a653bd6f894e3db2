"""All routes, and what surrounds every request: its id, the guard, and errors becoming answers."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from ..messages import language_from_header
from . import root
from .absent import ABSENT
from .gateway.gateway import Gateway
from .gateway.keys import GATEWAY
from .http.body import MAX_BODY
from .http.context import LANGUAGE, REQUEST_ID
from .http.encoding import body_from
from .http.errors import SAFE, Trouble, native_answer, trouble_from
from .http.packing import add_vary, pack
from .http.paths import OtherSpellings, canonical, pattern_of
from .http.security import GUARD, Guard
from .native import about, generate, jobs, models, pictures, presets, recipe
from .ollama import routes as ollama
from .openai import errors as openai_errors
from .openai import models as openai_models
from .openai import routes as openai

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Shape = Callable[[web.Request, Trouble], web.Response]
_log = logging.getLogger("imagine.http")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Route(NamedTuple):
    """One path and method, and what it is for."""

    method: str
    path: str
    handler: Handler
    summary: str


async def openapi(request: web.Request) -> web.Response:
    """This API, described from the declarations that requests are checked by."""
    from .openapi import document  # only for who asks: it costs 10 ms

    return web.Response(
        body=body_from(document(ROUTES, request.app[GATEWAY].settings.defaults)), content_type="application/json"
    )


ROUTES = [
    Route("GET", "/", root.root, "The page for a browser; one plain line for others."),
    Route("GET", "/health", about.health, "That this is Imagine, its version, and whether it can draw."),
    Route("GET", "/metrics", about.metrics, "Counters, in Prometheus's text format."),
    Route("GET", "/openapi.json", openapi, "This document."),
    Route(
        "GET", "/models", models.models, "The models there are, and which are loaded; `digest` keeps those known by it."
    ),
    Route("GET", "/models/{name:.+}", models.model, "One of them, by its name or an alias, with its digest."),
    Route("GET", "/samplers", models.samplers, "The samplers, their schedules and bounds; `model` says for which."),
    Route("DELETE", "/models/{name:.+}/loaded", models.unload, "Let a loaded model go once no job uses it."),
    Route("GET", "/presets", presets.presets, "The style presets there are."),
    Route("GET", "/jobs", jobs.jobs, "The jobs that wait or run."),
    Route("DELETE", "/jobs/{id}", jobs.cancel, "Take a job back."),
    Route("GET", "/pictures/{name}", pictures.picture, "A picture that was asked for by URL, while it is kept."),
    Route("POST", "/generate", generate.generate, "Make a picture, or several."),
    Route("POST", "/v1/images/generations", openai.generations, "Make pictures, as OpenAI's clients ask for them."),
    Route("POST", "/v1/images/edits", openai.edits, "Change a picture, as OpenAI's clients ask for it."),
    Route("POST", "/v1/images/variations", openai.variations, "Pictures like a picture, as OpenAI's clients ask."),
    Route(
        "POST",
        "/openai/deployments/{deployment:.+}/images/generations",
        openai.generations,
        "Make pictures, as Azure's clients ask.",
    ),
    Route(
        "POST",
        "/openai/deployments/{deployment:.+}/images/edits",
        openai.edits,
        "Change a picture, as Azure's clients ask.",
    ),
    Route("GET", "/v1/models", openai_models.models, "The models there are, as OpenAI's clients list them."),
    Route("GET", "/v1/models/{name:.*[^/]}", openai_models.model, "One of them, by its name or an alias."),
    Route("POST", "/api/generate", ollama.generate, "Make pictures, as Ollama's clients ask for them."),
    Route("GET", "/api/tags", ollama.tags, "The models there are, as Ollama's clients list them."),
    Route("POST", "/api/pull", ollama.pull, "That a model is here, as Ollama's clients make sure."),
    Route("POST", "/api/show", ollama.show, "What is known of a model, for Ollama's clients."),
    Route("GET", "/api/ps", ollama.ps, "The models that are loaded, for Ollama's clients."),
    Route("GET", "/api/version", ollama.version, "The release of Ollama whose image API this is."),
    Route("POST", "/recipe", recipe.recipe, "What a picture or a saved JSON says of how it was made."),
]


SHAPES: dict[str, Shape] = {"/v1/": openai_errors.response_from, "/openai/": openai_errors.response_from}
"""How errors look below a path, where not as in our own dialect."""


def make_app(gateway: Gateway) -> web.Application:
    """The application around a gateway; the caller starts and stops the gateway."""
    app = web.Application(middlewares=[_surround], client_max_size=MAX_BODY)
    app[GATEWAY] = gateway
    app[GUARD] = Guard(gateway.settings)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, route.handler)
    for method, path, handler in ABSENT:
        app.router.add_route(method, path, handler)
    app.router.register_resource(OtherSpellings(app.router))
    app.on_response_prepare.append(_add_headers)
    return app


@web.middleware
async def _surround(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives the request its id, lets the guard look at it, and turns what goes wrong into an answer."""
    given = request.headers.get("X-Request-Id", "")
    REQUEST_ID.set(given if _REQUEST_ID.fullmatch(given) else secrets.token_urlsafe(9))
    LANGUAGE.set(language_from_header(request.headers.get("Accept-Language", "")))
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
    """The answer to what went wrong, in the shape of the dialect that the path belongs to."""
    path = canonical(request.path) + "/"
    shape = next((shape for prefix, shape in SHAPES.items() if path.startswith(prefix)), None)
    response = native_answer(trouble) if shape is None else shape(request, trouble)
    if trouble.final:
        response.force_close()
    return response


async def _add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    assert isinstance(request, web.Request)
    response.headers.update(SAFE)
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Request-Id"] = REQUEST_ID.get()
    add_vary(response, "Origin")
    response.headers.update(request.app[GUARD].cors(request))
