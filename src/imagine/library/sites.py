"""The two sites that models are fetched from: where they are, the hosts that they send on to, and the owner's keys.

`HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_OFFLINE` mean what they mean to Hugging Face's own
client; `CIVITAI_API_KEY` (or `CIVITAI_API_TOKEN`) is Civitai's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..files.model_folders import unquoted
from ..files.reading import read_text
from ..messages import message
from ..words.errors import BadRequest, ImagineError
from .offer import SiteName

HUB = "https://huggingface.co"
CIVITAI = "https://civitai.com"
_HUB_HOSTS = ("huggingface.co", "hf.co")
_CIVITAI_HOSTS = ("civitai.com", "r2.cloudflarestorage.com")
_LONGEST = 4096
_PORTS = {"http": 80, "https": 443}


class ModelSite(NamedTuple):
    """One of them."""

    endpoint: str
    """Its address, without a slash at the end."""
    hosts: tuple[str, ...]
    """Those that it may send on to, and what lies below them."""
    key: str = ""
    """What the owner is known by there; "" for nobody."""

    def is_own(self, url: str) -> bool:
        """Does it lie on the very host and port of the endpoint, whose owner may see the key?"""
        return _origin(urlsplit(url)) == _origin(urlsplit(self.endpoint))

    def may_lead_to(self, url: str) -> bool:
        """Is it the site's own, or a host that it may send on to? Never from https to http."""
        parts = urlsplit(url)
        if self.is_own(url):
            return True
        secure = parts.scheme == "https" or (parts.scheme == "http" and self.endpoint.startswith("http:"))
        host = (parts.hostname or "").lower()
        return secure and any(host == name or host.endswith(f".{name}") for name in self.hosts)


class Sites(NamedTuple):
    """Both, and whether anybody may be asked at all."""

    hub: ModelSite
    civitai: ModelSite
    offline: bool = False

    def named(self, name: SiteName) -> ModelSite:
        """The one of that name."""
        return self.hub if name == "hub" else self.civitai


def sites_from(environ: Mapping[str, str], *, offline: bool = False) -> Sites:
    """What the environment says of them. Raises BadRequest for an endpoint that is no address."""
    endpoint = unquoted(environ.get("HF_ENDPOINT", "")).rstrip("/") or HUB
    parts = urlsplit(endpoint)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise BadRequest(message("pull.endpoint", "HF_ENDPOINT", value=endpoint[:200]))
    key = next(filter(None, (unquoted(environ.get(f"CIVITAI_API_{end}", "")) for end in ("KEY", "TOKEN"))), "")
    offline = offline or unquoted(environ.get("HF_HUB_OFFLINE", "")).lower() in ("1", "on", "yes", "true")
    hub = ModelSite(endpoint, _HUB_HOSTS, _hub_token(environ))
    return Sites(hub, ModelSite(CIVITAI, _CIVITAI_HOSTS, key), offline)


def _hub_token(environ: Mapping[str, str]) -> str:
    """The token that the environment says, else the one that `hf auth login` keeps."""
    if token := unquoted(environ.get("HF_TOKEN", "")):
        return token
    home = unquoted(environ.get("HF_HOME", "")) or "~/.cache/huggingface"
    path = unquoted(environ.get("HF_TOKEN_PATH", "")) or f"{home}/token"
    try:
        return read_text(Path(path).expanduser(), _LONGEST).strip()
    except ImagineError:
        return ""  # who isn't logged in is nobody, which is enough for most


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)
