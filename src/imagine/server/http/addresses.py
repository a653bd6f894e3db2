"""Where a client finds a picture that is kept for it."""

from __future__ import annotations

from aiohttp import web

from .paths import PICTURES
from .security import GUARD


def picture_url(request: web.Request, name: str, public_url: str | None) -> str:
    """Below the address of this server."""
    return f"{base_url(request, public_url)}{PICTURES}{name}"


def base_url(request: web.Request, public_url: str | None) -> str:
    """The address of this server that the owner names, else the one that the client used itself.

    What a trusted proxy says of that address counts, its prefix too.
    """
    asker = request.app[GUARD].asker(request)
    return public_url or f"{asker.scheme}://{asker.host or request.host}{asker.prefix}"
