"""Which models the assistant's server has, and which of them looks and which understands, where nobody says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..messages import message
from ..words.assistant import AUTO, AssistantSettings
from .answers import objects
from .connection import Answer
from .trouble import AssistantTrouble

_LISTED = 64
"""Models that are looked at."""
_LONGEST_NAME = 200
_SEES = re.compile(
    r"(?:^|[^a-z])(?:vlm?|vision|llava|bakllava|moondream|minicpm-?v|minicpm-?o|pixtral|internvl|smolvlm|omni|cogvlm"
    r"|molmo|gemma-?[34]|qwen-?3\.5|qwen[\d.]*-?vl|llama-?4|mistral-small3)(?:[^a-z]|$)"
)
"""Names of models that see, for servers that don't tell."""
_NEITHER = re.compile(r"embed|rerank|whisper|tts|bge-|clip|diffusion")
Get = Callable[[str], Awaitable[Answer]]
Post = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]


class ListedModel(NamedTuple):
    """One that is there."""

    name: str
    sees: bool | None = None
    """None: nobody says."""
    loaded: bool = False
    digest: str = ""


class Chosen(NamedTuple):
    """The names of what looks, "" where nothing can, and of what understands; and what tells the former from others."""

    vision: str
    text: str
    vision_digest: str = ""


async def of_ollama(get: Get, post: Post) -> list[ListedModel]:
    """Ollama's, but for those that it would hand on to its maker's cloud."""
    tags = [each for each in objects((await get("/api/tags")).json().get("models")) if not _is_cloud(each)]
    running = {_name(each) for each in objects((await get("/api/ps")).json().get("models"))}
    found = []
    for each in tags[:_LISTED]:
        name = _name(each)
        can = each.get("capabilities") or (await post("/api/show", {"model": name})).json().get("capabilities")
        can = can if isinstance(can, list) else None
        if name and (can is None or "completion" in can):
            sees = None if can is None else "vision" in can
            found.append(ListedModel(name, sees, name in running, _text(each.get("digest"))))
    return found


async def of_openai(get: Get) -> list[ListedModel]:
    """Those of a server that speaks OpenAI's dialect, with what llama.cpp and LM Studio tell of them beside it."""
    listed = (await get("/v1/models")).json()
    told = {_name(each): each for each in objects(listed.get("models"))}  # llama.cpp's
    beside = {_name(each): each for each in objects((await get("/api/v0/models")).json().get("data"))}  # LM Studio's
    shaped = {_name(each): each for each in objects(listed.get("data"))}
    found = []
    for name in filter(None, list(shaped)[:_LISTED]):
        kind = _text(beside.get(name, {}).get("type"))
        can = told.get(name, {}).get("capabilities")
        sees = kind == "vlm" if kind else None
        sees = "multimodal" in can if isinstance(can, list) and sees is None else sees
        sees = _takes_pictures(shaped.get(name, {})) if sees is None else sees
        if kind not in ("embeddings", "embedding"):
            found.append(ListedModel(name, sees, beside.get(name, {}).get("state") == "loaded"))
    return found


def chosen_of(listed: Sequence[ListedModel], settings: AssistantSettings) -> Chosen:
    """What the settings name, else the likeliest. Raises AssistantTrouble where there is nothing to ask."""
    usable = sorted((each for each in listed if not _NEITHER.search(each.name.lower())), key=lambda each: -each.loaded)
    vision, text = settings.vision_model, settings.text_model
    if vision == AUTO:
        vision = _seeing(usable)
    if text == AUTO:
        text = vision or next((each.name for each in usable), "")
    if not text:
        raise AssistantTrouble(message("assist.no_model"))
    return Chosen(vision, text, next((each.digest for each in listed if each.name == vision), ""))


def _seeing(usable: Sequence[ListedModel]) -> str:
    told = [each.name for each in usable if each.sees]
    untold = [each.name for each in usable if each.sees is None]
    guessed = [name for name in untold if _SEES.search(name.lower())]
    return next(iter([*told, *guessed, *(untold if len(usable) == 1 else [])]), "")


def _takes_pictures(model: Mapping[str, Any]) -> bool | None:
    """As llama.cpp tells of a model's architecture, a router's too; None where nobody says."""
    architecture = model.get("architecture")
    taken = architecture.get("input_modalities") if isinstance(architecture, dict) else None
    return "image" in taken if isinstance(taken, list) else None


def _is_cloud(model: Mapping[str, Any]) -> bool:
    """Would a picture leave this place for it?"""
    return bool(model.get("remote_host") or model.get("remote_model")) or _name(model).endswith(("-cloud", ":cloud"))


def _name(model: Mapping[str, Any]) -> str:
    name = _text(model.get("name") or model.get("model") or model.get("id"))
    return name if len(name) <= _LONGEST_NAME else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
