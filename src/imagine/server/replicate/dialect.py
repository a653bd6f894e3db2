"""Replicate's dialect, whose errors are problem details: `{"title", "status", "detail"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ...settings.settings import Settings
from ..http.dialect import Dialect, Route
from ..http.encoding import body_from
from ..http.errors import Trouble

if TYPE_CHECKING:
    from ..lasting.rows import Happened, OrderRow


async def _create(request: web.Request) -> web.StreamResponse:
    from .routes import create  # who is never asked so never pays for it

    return await create(request)


async def _get(request: web.Request) -> web.StreamResponse:
    from .routes import get

    return await get(request)


async def _list(request: web.Request) -> web.StreamResponse:
    from .routes import predictions

    return await predictions(request)


async def _stream(request: web.Request) -> web.StreamResponse:
    from .routes import stream

    return await stream(request)


async def _model(request: web.Request) -> web.StreamResponse:
    from .models import model

    return await model(request)


async def _file(request: web.Request) -> web.StreamResponse:
    from .files import create

    return await create(request)


async def _cancel(request: web.Request) -> web.StreamResponse:
    from .routes import cancel

    return await cancel(request)


def _error(_: web.Request, trouble: Trouble) -> web.Response:
    from .answers import problem_from

    body = body_from(problem_from(trouble))
    return web.Response(status=trouble.status, body=body, content_type="application/json", headers=trouble.headers)


def _called(row: OrderRow, happened: Happened) -> bytes:
    from .webhook import body_of

    return body_of(row, happened)


def _schemas(settings: Settings) -> dict[str, Any]:
    from .describe import schemas

    return schemas(settings)


def _described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    from .describe import described

    return described(route, operation)


_MADE = "A prediction, as Replicate's clients ask for it"
REPLICATE = Dialect(
    "Replicate",
    prefixes=("/v1/predictions/", "/v1/files/"),
    routes=(
        Route("POST", "/v1/predictions", _create, f"{_MADE}, of the model that `version` names.", orders=True),
        Route("POST", "/v1/models/{owner}/{name:.+}/predictions", _create, f"{_MADE}, of that model.", orders=True),
        Route("GET", "/v1/predictions", _list, "The client's predictions, the newest first.", ("cursor",)),
        Route("GET", "/v1/predictions/{id}", _get, "How far a prediction is."),
        Route("GET", "/v1/predictions/{id}/stream", _stream, "What happens to a prediction, as it happens."),
        Route("POST", "/v1/predictions/{id}/cancel", _cancel, "Take a prediction back."),
        Route("GET", "/v1/models/{owner}/{name}", _model, "A model, for clients of Replicate and for those of OpenAI."),
        Route("POST", "/v1/files", _file, "A file to show, as an address that holds it: nothing is kept."),
    ),
    error=_error,
    schemas=_schemas,
    described=_described,
    called=_called,
)
