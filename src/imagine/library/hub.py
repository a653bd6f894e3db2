"""Hugging Face's Hub: what a repository has, at which commit, under which licence.

`GET /api/models/REPO/revision/REVISION?blobs=true` tells all of it; `GET /REPO/resolve/COMMIT/PATH` is the file, mostly
by way of a link that expires. https://huggingface.co/docs/hub/api
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..messages import message
from .asking_sites import object_at
from .connection import SiteConnection
from .offer import Offer, RemoteFile
from .source import HubSource
from .trouble import DownloadFailed


async def offer_of(connection: SiteConnection, source: HubSource) -> Offer:
    """What the repository has. Raises DownloadFailed."""
    endpoint, revision = connection.sites.hub.endpoint, quote(source.revision or "main", safe="")
    url = f"{endpoint}/api/models/{source.repository}/revision/{revision}?blobs=true"
    told = await object_at(connection, "hub", url)
    commit = told.get("sha")
    if not isinstance(commit, str) or not commit.isalnum():
        raise DownloadFailed(message("pull.no_answer", host=endpoint))
    below = f"{endpoint}/{source.repository}/resolve/{commit}/"
    siblings = told.get("siblings")
    found = [_file(one, below) for one in siblings if isinstance(one, dict)] if isinstance(siblings, list) else []
    return Offer(
        source=str(source._replace(revision="", file="")), revision=commit, page=f"{endpoint}/{source.repository}",
        files=tuple(file for file in found if file), title=source.repository.partition("/")[2],
        licence=_licence(told.get("cardData")),
    )  # fmt: skip


def _file(told: dict[str, Any], below: str) -> RemoteFile | None:
    """A file as the Hub tells of it; what is large lies in LFS, with its SHA-256, all else in git."""
    name, size, blob = told.get("rfilename"), told.get("size"), told.get("blobId")
    if not isinstance(name, str):
        return None
    large = told.get("lfs")
    lfs = large if isinstance(large, dict) else {}
    sha256 = str(lfs.get("sha256") or lfs.get("oid") or "").removeprefix("sha256:").lower()
    told_size = lfs.get("size", size)
    return RemoteFile(
        site="hub", url=below + quote(name), name=name, size=told_size if isinstance(told_size, int) else 0,
        sha256=sha256, blob="" if lfs or not isinstance(blob, str) else blob,
    )  # fmt: skip


def _licence(card: Any) -> str:
    """Its name as the card says it, and where it can be read."""
    if not isinstance(card, dict):
        return ""
    names = [card.get("license_name"), card.get("license")]
    name = next((one for one in names if isinstance(one, str) and one), "")
    link = card.get("license_link")
    return f"{name} ({link})" if isinstance(link, str) and link.startswith("https://") else name
