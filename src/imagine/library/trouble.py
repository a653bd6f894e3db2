"""Why something can't be fetched, or can't yet: what a site's answer means."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..messages import Message, message
from ..words.errors import DownloadFailed as DownloadFailed

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from .sites import ModelSite

_PASSES = frozenset({408, 425, 429})


class Interrupted(Exception):
    """It may work in a moment: in `wait` seconds, where the site said so. `note` is for when it never does."""

    def __init__(self, note: Message, wait: float | None = None) -> None:
        super().__init__(str(note))
        self.note = note
        self.wait = wait


async def trouble_of(answer: ClientResponse, site: ModelSite) -> DownloadFailed | Interrupted | None:
    """What is wrong with an answer; None where it is one."""
    status, host = answer.status, urlsplit(str(answer.url)).hostname or ""
    if status in (200, 206):
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            return DownloadFailed(message("pull.packed", host=host))
        return None
    if status in _PASSES or status >= 500:
        return Interrupted(message("pull.status", host=host, status=status), _wait(answer.headers.get("Retry-After")))
    if status in (401, 403):
        if not site.is_own(str(answer.url)):
            return Interrupted(message("pull.expired", host=host))
        return DownloadFailed(_closed(answer, site, host))
    if status in (404, 410):
        return DownloadFailed(message("pull.not_found", host=host, path=urlsplit(str(answer.url)).path[:200]))
    return DownloadFailed(message("pull.status", host=host, status=status))


def _closed(answer: ClientResponse, site: ModelSite, host: str) -> Message:
    """Who may not have it, and what they can do."""
    variable = "CIVITAI_API_KEY" if host.endswith("civitai.com") or "/api/download/" in answer.url.path else "HF_TOKEN"
    if answer.headers.get("X-Error-Code") == "GatedRepo" or (site.key and variable == "HF_TOKEN"):
        page = "/".join([site.endpoint, *_repository(answer.url.path)])
        return message("pull.gated", page=page, variable=variable)
    return message("pull.key", host=host, variable=variable)


def _repository(path: str) -> list[str]:
    ways = [way for way in path.split("/") if way]
    ways = ways[2:] if ways[:2] == ["api", "models"] else ways
    return ways[:2]


def _wait(text: str | None) -> float | None:
    """What `Retry-After` says, in seconds: a number or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    with contextlib.suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return None
