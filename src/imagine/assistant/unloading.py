"""How servers let their models go, each in its own way, and how they tell which are still there.

All of them say that a model is gone before its memory is free, so what they list is looked at until it isn't there.

Sources: https://github.com/ollama/ollama/blob/main/docs/api.md,
https://github.com/ggml-org/llama.cpp/tree/master/tools/server (router mode), https://lmstudio.ai/docs/developer/rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .answers import objects

LoadedNames = list[tuple[str, str]]
"""Names of models, each with what its server knows the one that is loaded by."""


class WayToUnload(NamedTuple):
    """One server's: where it lists its models, which of those are loaded (None: it has no such list), and what lets one
    go."""

    listing: str
    loaded: Callable[[Mapping[str, Any]], LoadedNames | None]
    path: str
    body: Callable[[str], dict[str, Any]]


def _of_ollama(listed: Mapping[str, Any]) -> LoadedNames | None:
    named = ((each.get("name"), each.get("model")) for each in objects(listed.get("models")))
    return [(name, name) for pair in named for name in set(pair) if isinstance(name, str)]


def _of_router(listed: Mapping[str, Any]) -> LoadedNames | None:
    """llama-server with several models tells of each how it is; with one it tells nothing, and keeps it."""
    models = [each for each in objects(listed.get("data")) if isinstance(each.get("status"), Mapping)]
    if not models:
        return None
    there = [each.get("id") for each in models if each["status"].get("value") not in ("unloaded", "failed")]
    return [(name, name) for name in there if isinstance(name, str)]


def _of_lm_studio(listed: Mapping[str, Any]) -> LoadedNames | None:
    models = [each for each in objects(listed.get("models")) if isinstance(each.get("loaded_instances"), list)]
    return list(_instances(models)) if models else None


def _instances(models: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """A model's key means the instance that is called like it, else the only one: others are somebody else's."""
    for model in models:
        known = [name for each in objects(model["loaded_instances"]) if isinstance(name := each.get("id"), str)]
        yield from ((name, name) for name in known)
        if isinstance(key := model.get("key"), str) and key not in known and len(known) == 1:
            yield key, known[0]


BY_OLLAMA = WayToUnload("/api/ps", _of_ollama, "/api/generate", lambda name: {"model": name, "keep_alive": 0})
BY_OTHERS = (
    WayToUnload("/api/v1/models", _of_lm_studio, "/api/v1/models/unload", lambda name: {"instance_id": name}),
    WayToUnload("/models", _of_router, "/models/unload", lambda name: {"model": name}),
)
