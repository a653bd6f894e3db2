"""The page at `/`: its file in the reader's language, and the policy that lets nothing else run in it; and its drawers,
which it loads once somebody opens one."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from html import unescape
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from ... import __version__
from ...files.shipped import page_folder

LANGUAGES = ("en", "ru")
"""Languages that the page comes in; the first serves whoever reads none of them."""
_FILES = {"en": "imagine-ui.html", "ru": "imagine-ui.ru.html"}
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_DRAWER = re.compile(r"[a-z]{1,40}\.js")
_ANYWHERE = "connect-src 'self' http: https:"
"""What the page may reach when opened from disk, where it looks for a server."""


class Page(NamedTuple):
    """One file, and the Content-Security-Policy to serve it with: "" of what is no document."""

    body: bytes
    policy: str
    tag: str
    """What tells it from any other."""


async def page(request: web.Request) -> web.StreamResponse:
    """The page for a browser; one plain line for what isn't one."""
    headers = {"Vary": "Accept, Accept-Language, Origin", "Cache-Control": "no-cache"}
    path = page_folder() / _FILES[language_of(request)]
    if "text/html" not in request.headers.get("Accept", "") or not path.is_file():
        text = f"Imagine {__version__} is running; POST /generate makes pictures\n"
        return web.Response(text=text, headers=headers)
    content = read(path)
    headers |= {"Content-Security-Policy": content.policy, "Referrer-Policy": "no-referrer"}
    return validated(request, content, "text/html", headers)


async def drawer(request: web.Request) -> web.StreamResponse:
    """One drawer's script."""
    name = request.match_info["name"]
    path = page_folder() / "drawers" / name
    if not _DRAWER.fullmatch(name) or not path.is_file():
        raise web.HTTPNotFound
    content = read(path)
    return validated(request, content, "text/javascript", {"Cache-Control": "no-cache"})


def validated(request: web.Request, content: Page, kind: str, headers: dict[str, str]) -> web.Response:
    """The file, or that the reader's copy is still it."""
    known = request.if_none_match or ()
    if any(each.value in (content.tag, "*") for each in known):
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(body=content.body, content_type=kind, charset="utf-8", headers=headers)
    response.headers["ETag"] = f'W/"{content.tag}"'  # packed or not
    return response


def policy_from(html: str) -> str:
    """The policy that the file itself names, narrowed to this server; framing can be forbidden only in a header."""
    match = _POLICY.search(html)
    assert match is not None, "the page names its policy"
    return unescape(match[1]).replace(_ANYWHERE, "connect-src 'self'") + "; frame-ancestors 'none'"


def preferred(accept_language: str) -> str:
    """The first of the page's languages by the reader's weights, as `Accept-Language` gives them."""
    weighed: list[tuple[float, str]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, parameter = part.strip().lower().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter) if parameter else None
        if (language := tag.split("-")[0]) in LANGUAGES and not (parameter and weight is None):
            weighed.append((float(weight[1]) if weight else 1.0, language))
    best = max(weighed, key=lambda one: one[0], default=(0.0, ""))
    return best[1] if best[0] > 0 else LANGUAGES[0]


def language_of(request: web.Request) -> str:
    """The page's language for whoever asks: by `lang`, else as the browser says."""
    requested = request.query.get("lang", "")
    return requested if requested in LANGUAGES else preferred(request.headers.get("Accept-Language", ""))


def read(path: Path) -> Page:
    """A file of the page's; raises OSError where it isn't there."""
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _read(path: Path, modified: int) -> Page:  # noqa: ARG001 - a page built anew is read anew
    body = path.read_bytes()
    policy = policy_from(body.decode()) if path.suffix == ".html" else ""
    return Page(body, policy, hashlib.sha256(body).hexdigest()[:32])
