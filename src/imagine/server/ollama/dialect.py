"""Ollama's dialect."""

from __future__ import annotations

from ...messages import message
from ..http.dialect import Absent, Dialect, Route
from . import errors, routes
from .describe import described, schemas

ROUTES = (
    Route("POST", "/api/generate", routes.generate, "Make pictures, as Ollama's clients ask for them.", orders=True),
    Route("GET", "/api/tags", routes.tags, "The models there are, as Ollama's clients list them."),
    Route("POST", "/api/pull", routes.pull, "Bring a model here, as Ollama's clients do."),
    Route("DELETE", "/api/delete", routes.delete, "Remove a model, as Ollama's clients do."),
    Route("POST", "/api/copy", routes.copy, "Give a model a second name, as Ollama's clients do."),
    Route("POST", "/api/create", routes.create, "Make a model of others, as Ollama's clients do."),
    Route("HEAD", "/api/blobs/{digest}", routes.blob, "Whether a file that was sent is here."),
    Route("POST", "/api/blobs/{digest}", routes.receive_blob, "Send a file that a model is to be made of."),
    Route("POST", "/api/show", routes.show, "What is known of a model, for Ollama's clients."),
    Route("GET", "/api/ps", routes.ps, "The models that are loaded, for Ollama's clients."),
    Route("GET", "/api/version", routes.version, "The release of Ollama whose image API this is."),
)
_WORDS = message("absent", instead="POST /api/generate")
_FILES = message("absent.files", instead="GET /api/tags")
_ABSENT = (
    *(Absent("POST", f"/api/{name}", 400, _WORDS) for name in ("chat", "embed", "embeddings")),
    *(Absent("POST", f"/api/{name}", 400, _FILES) for name in ("push",)),
)
"""Ollama's clients take a 404 for a model to be pulled, so they get a 400."""
OLLAMA = Dialect(
    "Ollama",
    prefixes=("/api/",),
    routes=ROUTES,
    error=errors.response_from,
    schemas=schemas,
    described=described,
    absent=_ABSENT,
    ports=(11434,),
    root=routes.root,
)
