"""What a name means that somebody wants pulled: a repository of Hugging Face's Hub, a model of Civitai's, a file here.

`[hf:]OWNER/REPO[@REVISION][/FILE]`, `civitai:MODEL[@VERSION]`, pages' addresses of both, AIR
(`urn:air:ECOSYSTEM:TYPE:SOURCE:ID[@VERSION][+FILE][.FORMAT]`, https://developer.civitai.com/site/guide/air), and
`file:PATH`. Nothing else is ever fetched: no name can say a host.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from ..messages import message
from ..words.errors import BadRequest

_PART = r"[\w][\w.\-]{0,95}"
_PATH = r"[\w.\-+ ]+(?:/[\w.\-+ ]+)*"
_HUB = re.compile(rf"({_PART}/{_PART})(?:@([\w.\-]{{1,100}}))?(?:/({_PATH}))?", re.ASCII)
_CIVITAI = re.compile(r"(\d{1,12})(?:@(\d{1,12}))?", re.ASCII)
_AIR = re.compile(
    r"(?:urn:)?(?:air:)?[\w.\-]+:[\w.\-]+:(civitai|huggingface):([^@+]+?)(?:@([\w\-]+))?(?:\+(\d+))?(?:\.[a-z]+)?",
    re.ASCII,
)
_HERE = ("/", "./", "../", "~", ".\\", "..\\")
_DIGITS = 12
_WEIGHTS = (".safetensors", ".sft", ".gguf")


class HubSource(NamedTuple):
    """A repository of the Hub, and a file in it where one was named."""

    repository: str
    revision: str = ""
    file: str = ""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hf:{self.repository}{revision}" + (f"/{self.file}" if self.file else "")


class CivitaiSource(NamedTuple):
    """A model of Civitai's by its number, or one of its versions; 0 is what nobody said."""

    model: int = 0
    version: int = 0
    file: int = 0

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        return f"civitai:{self.model or ''}{version}"


class LocalSource(NamedTuple):
    """A file or folder on this machine."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"


ModelSource = HubSource | CivitaiSource | LocalSource


def source_from(name: str, hub: str = "https://huggingface.co") -> ModelSource | None:
    """What `name` means; None for one that only a catalogue can know. `hub` is where the Hub's pages are, too.

    Raises BadRequest for what begins as one of these forms and isn't one.
    """
    scheme, colon, rest = name.partition(":")
    if colon and len(scheme) > 1:  # a single letter is a drive
        return _of_scheme(scheme.lower(), rest, name, hub)
    if name.startswith(_HERE) or (len(scheme) == 1 and colon) or "\\" in name:
        return LocalSource(Path(name))
    if name.lower().endswith(_WEIGHTS) and name.count("/") < 2:
        return LocalSource(Path(name))
    return _of_hub(name, name) if "/" in name else None


def _of_scheme(scheme: str, rest: str, name: str, hub: str) -> ModelSource:
    match scheme:
        case "hf" | "huggingface":
            return _of_hub(rest.removeprefix("//"), name)
        case "file":
            return LocalSource(Path(unquote(rest.removeprefix("//"))))
        case "http" | "https":
            return _of_page(name, hub)
        case "civitai":
            if match := _CIVITAI.fullmatch(rest):
                return CivitaiSource(int(match[1]), int(match[2] or 0))
        case _ if air := _AIR.fullmatch(name):
            if air[1] == "huggingface":
                return _of_hub(air[2] + (f"@{air[3]}" if air[3] else ""), name)
            if _is_number(air[2]) and _is_number(air[3] or "0") and _is_number(air[4] or "0"):
                return CivitaiSource(int(air[2]), int(air[3] or 0), int(air[4] or 0))
    raise _unknown(name)


def _of_hub(text: str, name: str) -> HubSource:
    match = _HUB.fullmatch(text.strip("/"))
    if match is None or ".." in text.split("/"):
        raise _unknown(name)
    return HubSource(match[1], match[2] or "", match[3] or "")


def _of_page(address: str, hub: str) -> ModelSource:
    """What a page shows: `…/OWNER/REPO/blob/REVISION/FILE`, `…/models/ID?modelVersionId=ID`."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise _unknown(address) from error
    ways = [unquote(way) for way in parts.path.split("/") if way]
    if parts.hostname in ("huggingface.co", "hf.co", urlsplit(hub).hostname):
        if len(ways) >= 4 and ways[2] in ("blob", "resolve", "tree"):
            source = _of_hub("/".join([*ways[:2], *ways[4:]]), address)
            return source._replace(revision=ways[3])
        if len(ways) == 2:
            return _of_hub("/".join(ways), address)
    if parts.hostname in ("civitai.com", "www.civitai.com"):
        query = parse_qs(parts.query)
        version = (query.get("modelVersionId") or ["0"])[0]
        if ways[:1] == ["models"] and len(ways) > 1 and _is_number(ways[1]) and _is_number(version):
            return CivitaiSource(int(ways[1]), int(version))
        if ways[:3] == ["api", "download", "models"] and ways[3:4] and _is_number(ways[3]):
            return CivitaiSource(version=int(ways[3]))
    raise _unknown(address)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS


def _unknown(name: str) -> BadRequest:
    return BadRequest(message("pull.form", "model", value=name[:200]))
