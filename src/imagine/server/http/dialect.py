"""What a dialect is: which paths it answers, and in which shapes it says what it takes and what goes wrong.

The server is a list of these values: routes, errors and `/openapi.json` follow from it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from aiohttp import web

from ...fairness.quotas import LimitLeft
from ...messages import Message
from ...settings.settings import Settings
from ...words.moderation import STAGES
from .context import LIMIT
from .errors import Trouble, native_answer
from .paths import Spellings, canonical
from .security import Refused

if TYPE_CHECKING:
    from ..lasting.rows import Happened, OrderRow

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


DETAILS: dict[str, Any] = {
    "code": {"type": "string", "description": "What is said, whatever the language."},
    "field": {"type": "string", "description": "The field that it is about, by the name that it was said by."},
    "value": {"type": ["string", "number", "boolean"], "description": "What the field was said to be, shortened."},
    "template": {"type": "string", "description": "The sentence with fields, by our names, in braces."},
}
"""What stands beside a sentence of ours, for a program; see `errors.details_of`."""
REFUSED: dict[str, Any] = {
    "categories": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Of what isn't drawn here: what was seen, by OpenAI's names.",
    },
    "stage": {"type": "string", "enum": list(STAGES), "description": "Where it was seen."},
    "rule": {"type": "string", "description": "Which rule saw it."},
}
"""What stands beside an error where something isn't to be drawn; see `errors.refused_by`."""


class Route(NamedTuple):
    """One path and method, and what it is for."""

    method: str
    path: str
    handler: Handler
    summary: str
    queries: tuple[str, ...] = ()
    """What its query can say."""
    orders: bool = False
    """It takes orders for pictures, whose ids its answers name in a header."""


def once_asked(handlers: Callable[[], Mapping[str, Handler]], name: str) -> Handler:
    """The handler of that name, whose table is imported by `handlers` once somebody asks: who never does never pays."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handlers()[name](request)

    return answer


class Absent(NamedTuple):
    """What another server has at a path and this one hasn't: its programs are told so, and what there is instead."""

    method: str
    path: str
    status: int
    note: Message

    async def refuse(self, _: web.Request) -> NoReturn:
        """Says it."""
        raise Refused(self.status, self.note)


def _native_shape(_: web.Request, trouble: Trouble) -> web.Response:
    return native_answer(trouble)


def _no_schemas(_: Settings) -> dict[str, Any]:
    return {}


def _nothing(_: web.Application) -> None:
    """Most dialects hold nothing between requests."""


def _as_it_is(_: Route, operation: dict[str, Any]) -> dict[str, Any]:
    return operation


def _limit_headers(limit: LimitLeft) -> dict[str, str]:
    wait = str(math.ceil(limit.wait))
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    return dict(zip(names, (str(limit.most), str(limit.left), wait), strict=True))


class Dialect(NamedTuple):
    """One way of asking this server for pictures, and all that the server must know of it."""

    name: str
    """What people call it."""
    prefixes: tuple[str, ...]
    """Below which paths its errors are said: those that it has no route for, too."""
    routes: tuple[Route, ...]
    error: Callable[[web.Request, Trouble], web.Response] = _native_shape
    """The answer to what went wrong, in its shape and its names."""
    schemas: Callable[[Settings], dict[str, Any]] = _no_schemas
    """What its operations in `/openapi.json` refer to, by name, on a server with these settings."""
    described: Callable[[Route, dict[str, Any]], dict[str, Any]] = _as_it_is
    """A route's operation in `/openapi.json` as it is in this dialect, made from one that knows path and statuses."""
    spellings: Spellings = ()
    """How its programs write paths otherwise, in the order in which that is undone."""
    absent: tuple[Absent, ...] = ()
    """What its programs may ask for that isn't here."""
    prepare: Callable[[web.Application], None] = _nothing
    """Puts into an application what it holds between requests."""
    limit_headers: Callable[[LimitLeft], dict[str, str]] = _limit_headers
    """What its programs read of a limit that holds for a key."""
    ports: tuple[int, ...] = ()
    """Where its programs look for it, unless they are told otherwise."""
    root: Handler | None = None
    """What those expect of `GET /` there; None: what anybody gets."""
    called: Callable[[OrderRow, Happened], bytes] | None = None
    """What the webhook of an order of it is sent of one event; None where its programs name none."""
    lenient_tags: bool = False
    """What a tag in a prompt names and isn't here is left out with a warning, as its programs are used to, rather than
    refused."""


class WorkDoor(NamedTuple):
    """What answers other servers that this one works for: no dialect knows what that is."""

    work: Handler


WORK = web.AppKey("work", WorkDoor)
SPOKEN = web.AppKey("dialects", Sequence[Dialect])
"""Those that an application speaks."""


def spellings_of(dialects: Sequence[Dialect]) -> Spellings:
    """All of their ways of writing a path otherwise."""
    return [spelling for dialect in dialects for spelling in dialect.spellings]


def dialect_of(request: web.Request) -> Dialect | None:
    """The dialect whose route answers; where none does, that whose prefix of the path is the longest."""
    dialects = request.app[SPOKEN]
    answers = request.match_info.handler
    if own := next((each for each in dialects if any(route.handler is answers for route in each.routes)), None):
        return own
    path = canonical(request.path, spellings_of(dialects)).rstrip("/") + "/"
    below = [(len(prefix), each) for each in dialects for prefix in each.prefixes if path.startswith(prefix)]
    return max(below, key=lambda one: one[0], default=(0, None))[1]


def limits_said(request: web.Request) -> dict[str, str]:
    """The headers that say how much of its key's limits is left, where there are any."""
    if (limit := LIMIT.get()) is None:
        return {}
    dialect = dialect_of(request)
    return _limit_headers(limit) if dialect is None else dialect.limit_headers(limit)


def answer_to(request: web.Request, trouble: Trouble) -> web.Response:
    """The answer to what went wrong, in the shape of that dialect."""
    dialect = dialect_of(request)
    return native_answer(trouble) if dialect is None else dialect.error(request, trouble)
