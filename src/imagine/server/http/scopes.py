"""What a key with a name must be for, by route: the one table that says so, which `tests/test_routes.py` holds whole.

A route that isn't in it needs `admin`, so that one that somebody forgot is shut rather than open.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...words.keys import Scope
from .dialect import Dialect
from .paths import plain
from .security import Needed

ANY = """
GET /
GET /drawers/{name}
GET /worker.js
GET /manifest.webmanifest
GET /health
GET /metrics
GET /openapi.json
GET /models
GET /models/{name}
GET /library
GET /library/{name}/preview
GET /samplers
GET /presets
GET /wildcards
POST /tokens
GET /pictures/{name}
GET /api/tags
GET /api/ps
GET /api/version
POST /api/show
GET /v1/models
GET /v1/models/{name}
GET /v1/models/{owner}/{name}
GET /sdapi/v1/options
GET /sdapi/v1/cmd-flags
GET /sdapi/v1/samplers
GET /sdapi/v1/schedulers
GET /sdapi/v1/upscalers
GET /sdapi/v1/latent-upscale-modes
GET /sdapi/v1/sd-models
GET /sdapi/v1/sd-vae
GET /sdapi/v1/sd-modules
GET /sdapi/v1/loras
GET /sdapi/v1/embeddings
GET /sdapi/v1/hypernetworks
GET /sdapi/v1/face-restorers
GET /sdapi/v1/realesrgan-models
GET /sdapi/v1/prompt-styles
GET /sdapi/v1/scripts
GET /sdapi/v1/script-info
GET /sdapi/v1/extensions
GET /sdapi/v1/memory
POST /sdapi/v1/refresh-checkpoints
POST /sdapi/v1/refresh-vae
POST /sdapi/v1/refresh-loras
POST /sdapi/v1/refresh-embeddings
GET /controlnet/version
GET /controlnet/model_list
GET /controlnet/module_list
GET /controlnet/control_types
GET /controlnet/settings
GET /internal/ping
GET /queue/status
POST /free
GET /system_stats
GET /object_info
GET /object_info/{node}
GET /api/models
GET /models/{folder}
GET /embeddings
GET /api/embeddings
GET /extensions
GET /features
"""
"""Of any key, whatever it is for: what there is here, how long prompts are, and pictures, whose names are keys."""
GENERATE = """
POST /
GET /jobs
POST /jobs
GET /jobs/{id}
PATCH /jobs/{id}
DELETE /jobs/{id}
GET /jobs/{id}/events
GET /jobs/{id}/result
POST /generate
POST /assist
POST /upscale
POST /preprocess
POST /inspect
POST /recipe
POST /models/{name}
POST /api/generate
POST /v1/images/generations
POST /v1/images/edits
POST /v1/images/variations
POST /openai/deployments/{deployment}/images/generations
POST /openai/deployments/{deployment}/images/edits
POST /v1/responses
GET /v1/responses/{id}
DELETE /v1/responses/{id}
POST /v1/moderations
POST /v1/predictions
GET /v1/predictions
GET /v1/predictions/{id}
GET /v1/predictions/{id}/stream
POST /v1/predictions/{id}/cancel
POST /v1/models/{owner}/{name}/predictions
POST /v1/files
POST /mcp
POST /sdapi/v1/txt2img
POST /sdapi/v1/img2img
POST /sdapi/v1/extra-single-image
POST /sdapi/v1/extra-batch-images
POST /sdapi/v1/png-info
POST /sdapi/v1/interrogate
GET /sdapi/v1/progress
POST /sdapi/v1/interrupt
POST /sdapi/v1/skip
POST /sdapi/v1/options
POST /controlnet/detect
POST /internal/progress
POST /prompt
GET /prompt
GET /history
GET /history/{id}
POST /history
GET /queue
POST /queue
POST /interrupt
GET /ws
POST /upload/image
POST /upload/mask
GET /view
"""
"""Drawing, and all that is one's own."""
MODELS = """
DELETE /models/{name}/loaded
GET /library/{name}/removal
POST /library/plan
POST /api/pull
POST /api/create
HEAD /api/blobs/{digest}
POST /api/blobs/{digest}
POST /api/copy
DELETE /api/delete
POST /sdapi/v1/unload-checkpoint
POST /sdapi/v1/reload-checkpoint
"""
"""Which models there are, and which are loaded."""
WORKER = """
GET /worker
"""
"""Drawing for another server, whoever asks there."""
ADMIN = """
GET /keys
"""
"""What concerns everybody."""


def _table() -> dict[tuple[str, str], Scope | None]:
    rows: tuple[tuple[str, Scope | None], ...] = (
        (ANY, None), (GENERATE, "generate"), (MODELS, "models"), (WORKER, "worker"), (ADMIN, "admin"),
    )  # fmt: skip
    split = ((line.partition(" "), scope) for text, scope in rows for line in text.strip().splitlines())
    return {(method, path): scope for (method, _, path), scope in split}


ROUTE_SCOPES = _table()
"""By method and path, as `paths.plain` has it."""


def scopes_needed(dialects: Iterable[Dialect]) -> Needed:
    """For each route of these; what isn't here, and says so, needs none."""
    needed: dict[tuple[str, str], Scope | None] = {}
    for route in (route for dialect in dialects for route in dialect.routes):
        path = plain(route.path)
        needed[route.method, path] = ROUTE_SCOPES.get((route.method, path), "admin")
        if route.method == "GET":
            needed["HEAD", path] = needed["GET", path]
    return needed
