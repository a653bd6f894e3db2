"""`GET /v1/models/OWNER/NAME`: a model as clients of Replicate know it, and OpenAI's, who ask there too."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...words.entry import Entry
from ..gateway.keys import GATEWAY
from ..http.addresses import base_url
from ..http.encoding import body_from
from .answers import moment_of
from .describe import fields_of_input
from .requests import OURS, model_of

_COG = "0"
"""The release of what packs models there; none packed ours."""


async def model(request: web.Request) -> web.Response:
    """One model. Raises ModelNotFound, UnusableModel."""
    owner, name = request.match_info["owner"], request.match_info["name"]
    gateway = request.app[GATEWAY]
    entry = await gateway.choose(model_of(owner, name))
    said = model_object(entry, owner, name, base_url(request, gateway.settings.public_url))
    return web.Response(body=body_from(said), content_type="application/json")


def model_object(entry: Entry, owner: str, name: str, base: str) -> dict[str, Any]:
    """The model of that owner and name, on the server that is reached at `base`."""
    of_openai = {
        "id": f"{owner}/{name}", "object": "model", "created": int(entry.modified), "owned_by": OURS,
        "root": entry.name,
    }  # fmt: skip
    told = dict.fromkeys(("github_url", "paper_url", "license_url", "cover_image_url", "default_example"))
    return of_openai | told | {
        "url": f"{base}/models/{entry.name}",
        "owner": owner,
        "name": name,
        "description": " ".join(filter(None, (entry.metadata.get("modelspec.title"), f"({entry.family})"))),
        "visibility": "private",
        "run_count": 0,
        "latest_version": {
            "id": entry.digest or "hidden",
            "created_at": moment_of(entry.modified),
            "cog_version": _COG,
            "openapi_schema": _form(),
        },
    }  # fmt: skip


def _form() -> dict[str, Any]:
    """What `input` may say and what `output` is, as programs that make a form of it read them."""
    fields, parts = fields_of_input()
    told = {"type": "object", "title": "Input", "required": ["prompt"], "properties": fields}
    output = {"type": "array", "title": "Output", "items": {"type": "string", "format": "uri"}}
    about = {"title": "Imagine", "version": _COG}
    return {"openapi": "3.1.0", "info": about, "components": {"schemas": {**parts, "Input": told, "Output": output}}}
