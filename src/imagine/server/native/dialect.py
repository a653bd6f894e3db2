"""Our own dialect: every path that no other takes, the page among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from ..http.dialect import WORK, Dialect, Route
from . import (
    about,
    app,
    assist,
    generate,
    inspect,
    jobs,
    keys,
    models,
    page,
    pictures,
    preprocess,
    presets,
    recipe,
    root,
    tokens,
    upscale,
    wildcards,
)
from .describe import described, schemas

if TYPE_CHECKING:
    from ..lasting.rows import Happened, OrderRow


async def _status(request: web.Request) -> web.StreamResponse:
    from .detached import status  # who never asks for orders that last never pays for them

    return await status(request)


async def _result(request: web.Request) -> web.StreamResponse:
    from .detached import result

    return await result(request)


async def _move(request: web.Request) -> web.StreamResponse:
    from .moving import move

    return await move(request)


async def _events(request: web.Request) -> web.StreamResponse:
    from .job_events import events

    return await events(request)


def _called(row: OrderRow, happened: Happened) -> bytes:
    from .webhook import body_of

    return body_of(row, happened)


async def _work(request: web.Request) -> web.StreamResponse:
    return await request.app[WORK].work(request)


ROUTES = (
    Route("GET", "/", root.root, "The page for a browser; one plain line for others."),
    Route("GET", "/drawers/{name}", page.drawer, "A part of the page, which it loads once somebody opens it."),
    Route("GET", "/worker.js", app.worker, "The page's service worker, which opens it while this server is away."),
    Route("GET", "/manifest.webmanifest", app.manifest, "What the page is called as an application, in the language "
          "`lang`.", queries=("lang",)),
    Route("GET", "/health", about.health, "That this is Imagine, its version, and whether it can draw."),
    Route("GET", "/metrics", about.metrics, "Counters, in Prometheus's text format."),
    Route(
        "GET", "/models", models.models, "The models there are, and which are loaded; `digest` keeps those known by it."
    ),
    Route("GET", "/models/{name:.+}", models.model, "One of them, by its name or an alias, with its digest."),
    Route(
        "GET", "/samplers", models.samplers, "The samplers, their schedules and bounds; `model` says for which.",
        queries=("model",),
    ),
    Route("DELETE", "/models/{name:.+}/loaded", models.unload, "Let a loaded model go once no job uses it."),
    Route("GET", "/library", models.library, "Where the models are from, whether they fit this machine, and what "
          "could be pulled."),
    Route("POST", "/library/plan", models.plan, "What pulling a model would come to; for the owner."),
    Route("GET", "/library/{name:.+}/removal", models.removal, "What would go with a model, and what would stay; "
          "for the owner."),
    Route("GET", "/library/{name:.+}/preview", models.preview, "The picture that lies beside a model's file; `kind` "
          "says of which kind.", queries=("kind",)),
    Route("GET", "/presets", presets.presets, "The style presets there are."),
    Route("GET", "/wildcards", wildcards.wildcards, "The lists of words that a prompt may name."),
    Route("POST", "/tokens", tokens.tokens, "How many tokens a prompt is to a model, and which of it is read."),
    Route(
        "GET", "/jobs", jobs.jobs, "The orders that wait or run, the job of each of their pictures, and your detached "
        "orders.", queries=("limit", "before", "all"),
    ),
    Route("POST", "/jobs", generate.create, "Make a picture, or several, without waiting: 202, and where to look.",
          orders=True),
    Route("GET", "/jobs/{id}", _status, "How far a detached order is, and where its pictures are."),
    Route("GET", "/jobs/{id}/events", _events, "What happens to one, as SSE or line by line; `after` goes on "
          "behind an event.", queries=("after",)),
    Route("GET", "/jobs/{id}/result", _result, "What /generate would have answered, until that expires."),
    Route("PATCH", "/jobs/{id}", _move, "Say how urgent a detached order is that waits, or move it among yours."),
    Route("DELETE", "/jobs/{id}", jobs.cancel, "Take an order back, by its id or by that of one of its jobs."),
    Route("GET", "/keys", keys.keys, "The keys with names, what each is for, and what is made for it."),
    Route("GET", "/pictures/{name}", pictures.picture, "A picture that was asked for by URL, while it is kept."),
    Route("POST", "/generate", generate.generate, "Make a picture, or several.", orders=True),
    Route("POST", "/assist", assist.assist, "What the assistant would make of a wish, without the picture."),
    Route("POST", "/upscale", upscale.upscale, "Enlarge a picture.", orders=True),
    Route("POST", "/preprocess", preprocess.preprocess, "Make a picture's map, which a control follows.", orders=True),
    Route("POST", "/inspect", inspect.inspect, "Where a picture says it comes from, and whether that holds."),
    Route("GET", "/worker", _work, "Work for another server: a WebSocket of commands and what becomes of them."),
    Route("POST", "/recipe", recipe.recipe, "What a picture or a saved JSON says of how it was made."),
)  # fmt: skip
NATIVE = Dialect(
    "Imagine",
    prefixes=("/",),
    routes=ROUTES,
    schemas=schemas,
    described=described,
    called=_called,
)
