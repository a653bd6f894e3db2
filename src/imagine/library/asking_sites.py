"""The short questions that sites are asked: an object of JSON, or the beginning of a file."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import aiohttp

from ..messages import message
from .connection import SiteConnection
from .offer import RemoteFile, SiteName
from .trouble import DownloadFailed, Interrupted

_MOST = 32 * 2**20
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
BEGINNING = 2**20
"""Bytes that are looked at before the rest is fetched: more than most headers have."""


class Beginning(NamedTuple):
    """What is known of a file before it is fetched."""

    size: int
    """In bytes."""
    ranged: bool
    """May one ask for a part of it?"""
    data: bytes
    """How it begins."""


async def object_at(connection: SiteConnection, site: SiteName, url: str) -> dict[str, Any]:
    """The JSON object that a site answers. Raises DownloadFailed."""

    async def ask() -> dict[str, Any]:
        async with connection.get(site, url, {"Accept": "application/json"}) as answer:
            data = await _read(answer, _MOST)
            try:
                value = json.loads(data)
            except (ValueError, RecursionError):
                value = None
            if not isinstance(value, dict):
                raise DownloadFailed(message("pull.no_answer", host=answer.url.host or ""))
            return value

    return await connection.manners.persistence.ask(ask)


async def beginning_of(connection: SiteConnection, file: RemoteFile, length: int = BEGINNING) -> Beginning:
    """How a file begins, how large it is, and whether it comes in parts. Raises DownloadFailed."""

    async def ask() -> Beginning:
        async with connection.get(file.site, file.url, {"Range": f"bytes=0-{length - 1}"}) as answer:
            refuse_page(answer, file)
            size, ranged = size_in(answer, file, 0)
            data = await _read(answer, min(length, size), cut=True)
            if len(data) < min(length, size):
                raise Interrupted(message("pull.broken", host=answer.url.host or "", why=message("pull.early")))
            return Beginning(size, ranged, data)

    found = await connection.manners.persistence.ask(ask)
    if file.size and file.size != found.size:
        raise DownloadFailed(message("pull.size", name=file.last, expected=file.size, size=found.size))
    return found


def size_in(answer: aiohttp.ClientResponse, file: RemoteFile, start: int) -> tuple[int, bool]:
    """The size of the whole file, and whether the answer is the part of it that begins at `start`.

    Raises DownloadFailed, Interrupted for an answer that doesn't say.
    """
    if answer.status == 206:
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if match is None or int(match[1]) != start:
            raise Interrupted(message("pull.range", host=answer.url.host or "", name=file.last))
        return int(match[3]), True
    if answer.content_length is None:
        if not file.size:
            raise DownloadFailed(message("pull.no_size", host=answer.url.host or "", name=file.last))
        return file.size, False
    return answer.content_length, False


def refuse_page(answer: aiohttp.ClientResponse, file: RemoteFile) -> None:
    """Raises DownloadFailed for a page, or a site's own words, in the place of a file of weights."""
    kind = answer.content_type.lower()
    is_words = kind in ("text/html", "application/xhtml+xml") or (
        kind == "application/json" and ".json" not in file.last
    )
    if is_words:
        raise DownloadFailed(message("pull.page", host=answer.url.host or "", name=file.last, kind=kind))


async def _read(answer: aiohttp.ClientResponse, most: int, *, cut: bool = False) -> bytes:
    """The body; where it is longer than `most`, its beginning, or nothing is to be had."""
    data = bytearray()
    async for piece in answer.content.iter_any():
        data += piece
        if len(data) >= most and cut:
            answer.close()
            return bytes(data[:most])
        if len(data) > most:
            raise DownloadFailed(message("pull.no_answer", host=answer.url.host or ""))
    return bytes(data)
