"""Civitai: a model's versions, their files, and what may be done with them.

`GET /api/v1/models/ID` and `/api/v1/model-versions/ID` tell of them; `GET /api/download/models/VERSION?fileId=ID` is
the file, by way of a link that expires. https://developer.civitai.com/docs/api/public-rest
"""

from __future__ import annotations

from typing import Any

from ..messages import message
from .asking_sites import object_at
from .connection import SiteConnection
from .offer import Offer, RemoteFile
from .source import CivitaiSource
from .trouble import DownloadFailed

_PICKLED = ("PickleTensor", "Pickle")
_TERMS = (
    ("allowNoCredit", "credit its author"), ("allowDerivatives", "no merges"),
    ("allowDifferentLicense", "the same terms for what is made of it"),
)  # fmt: skip
"""What a model's page asks where it says no to these."""


async def civitai_offer(connection: SiteConnection, source: CivitaiSource) -> Offer:
    """What the version has: of a model the newest where none was said. Raises DownloadFailed."""
    endpoint = connection.sites.civitai.endpoint
    number, model = source.version, source.model
    version: dict[str, Any] = {}
    if number:
        version = await object_at(connection, "civitai", f"{endpoint}/api/v1/model-versions/{number}")
        model = _number(version.get("modelId")) or model
    about = await object_at(connection, "civitai", f"{endpoint}/api/v1/models/{model}") if model else {}
    if not number:
        version = next((one for one in _objects(about.get("modelVersions"))), {})
        number = _number(version.get("id"))
    if not number:
        raise DownloadFailed(message("pull.no_answer", host=endpoint))
    files = tuple(_file(one, f"{endpoint}/api/download/models/{number}") for one in _files(version, source.file))
    return Offer(
        source=str(CivitaiSource(model, number)), revision=str(number), page=f"{endpoint}/models/{model}", files=files,
        title=str(about.get("name") or ""), licence=_licence(about),
    )  # fmt: skip


def _files(version: dict[str, Any], wanted: int) -> list[dict[str, Any]]:
    """The file that was asked for, else the main one first. Nothing that is pickled where the same isn't, too."""
    files = _objects(version.get("files"))
    if wanted:
        return [one for one in files if _number(one.get("id")) == wanted]
    return sorted(files, key=lambda one: (_is_pickled(one), not one.get("primary")))[:1]


def _is_pickled(told: dict[str, Any]) -> bool:
    about = told.get("metadata")
    return isinstance(about, dict) and about.get("format") in _PICKLED


def _file(told: dict[str, Any], url: str) -> RemoteFile:
    hashes = told.get("hashes")
    sha256 = str(hashes.get("SHA256") or "").lower() if isinstance(hashes, dict) else ""
    name = str(told.get("name") or "").replace("\\", "/").rpartition("/")[2]
    where = f"{url}?fileId={_number(told.get('id'))}"
    return RemoteFile(site="civitai", url=where, name=name, sha256=sha256)  # its size is rounded there


def _licence(about: dict[str, Any]) -> str:
    """What its page lets others do, in words."""
    if "allowCommercialUse" not in about:
        return ""
    uses = about["allowCommercialUse"]
    uses = uses if isinstance(uses, list) else [uses]
    named = [str(use) for use in uses if use not in (None, "None", "")]
    told = [f"commercial use: {', '.join(named)}" if named else "non-commercial"]
    return "; ".join([*told, *(words for key, words in _TERMS if about.get(key) is False)])


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
