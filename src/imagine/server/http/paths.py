"""Paths as clients write them: slashes doubled or at the end, and whatever else a dialect's programs do to one.

A program joins its base URL and a path in its own way, and a person leaves out a part of the base URL. What is meant is
plain, so it is answered; a redirect would lose the body with some clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractResource

if TYPE_CHECKING:
    from aiohttp.abc import AbstractMatchInfo

PICTURES = "/pictures/"
"""Below which kept pictures are served, to whoever knows a name."""
Spellings = Sequence[tuple[re.Pattern[str], str]]
"""Ways of writing a path otherwise, and what is written instead, in the order in which they are undone."""
_OF_EVERY_PATH: Spellings = ((re.compile(r"/{2,}"), "/"), (re.compile(r"(?<=.)/$"), ""))


def canonical(path: str, spellings: Spellings = ()) -> str:
    """The path as our routes have it, of one that may be written otherwise: by anybody, or as `spellings` say."""
    for pattern, plain in (*_OF_EVERY_PATH, *spellings):
        path = pattern.sub(plain, path)
    return path


def plain(path: str) -> str:
    """A route's path without the patterns of its names."""
    return re.sub(r"\{(\w+)[^}]*\}", r"{\1}", path)


def pattern_of(request: web.Request) -> str:
    """The pattern of the route that answers, as routes declare it: never what a client wrote; "" where none does."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


class OtherSpellings(AbstractResource):
    """Asked after every other resource: resolves a path that none has by its canonical spelling."""

    def __init__(self, router: web.UrlDispatcher, spellings: Spellings) -> None:
        super().__init__()
        self._router = router
        self._spellings = spellings

    @property
    def canonical(self) -> str:
        """Where the router files it: below `/`, which it asks last."""
        return "/"

    async def resolve(self, request: web.Request) -> tuple[AbstractMatchInfo | None, set[str]]:  # type: ignore[override]
        """What the canonical path is resolved to."""
        written = request.rel_url.raw_path
        path = canonical(written, self._spellings)
        if path == written:
            return None, set()
        match = await self._router.resolve(request.clone(rel_url=request.rel_url.with_path(path, encoded=True)))
        error = match.http_exception
        if error is None:
            return match, set()
        return None, error.allowed_methods if isinstance(error, web.HTTPMethodNotAllowed) else set()

    def url_for(self, **kwargs: str) -> Any:
        """None: it has no path of its own."""
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        """It moves nowhere."""

    def get_info(self) -> Any:
        """Nothing to tell."""
        return {}

    def raw_match(self, path: str) -> bool:  # noqa: ARG002 - aiohttp's signature
        """Is it this resource's own path? It has none."""
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())
