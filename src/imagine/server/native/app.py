"""What makes an application of the page: its worker, and its manifest in the reader's language."""

from __future__ import annotations

from aiohttp import web

from ...files.shipped import page_folder
from .page import Page, language_of, read, validated

_ONLY_HERE = "default-src 'none'; connect-src 'self'"
"""What the worker may do besides keeping the page: ask this server."""


async def worker(request: web.Request) -> web.StreamResponse:
    """The service worker, beside the page, so that the page is what it is for; below a proxy's path, too."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _ONLY_HERE}
    return validated(request, _file("worker.js"), "text/javascript", headers)


async def manifest(request: web.Request) -> web.StreamResponse:
    """What the application is called, and what it takes."""
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
    return validated(request, _file(f"{language_of(request)}.webmanifest"), "application/manifest+json", headers)


def _file(name: str) -> Page:
    path = page_folder() / "app" / name
    if not path.is_file():
        raise web.HTTPNotFound  # then a browser lets go of the worker that it has
    return read(path)
