"""A request whose wildcards are words: one for each picture, since each has a seed of its own to choose by."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import msgspec

from ...asking.request import GenerateRequest
from ...asking.resolve import seeds_of
from ...asking.wildcards import Lists, NoLists, expanded, wildcard_in
from ...files.word_lists import WordLists
from ...messages import Message, message
from ..gateway.gateway import Gateway
from .incoming import Incoming

_PROMPTS = (("prompt", "template"), ("neg", "neg_template"))


async def with_wildcards(gateway: Gateway, incoming: Incoming) -> list[Incoming]:
    """The requests that one is: itself where nothing is to be chosen, and what of it is left as it is in its warnings.

    Raises BadRequest; ImagineError for a folder of too many lists.
    """
    request, folder = incoming.request, gateway.settings.wildcards
    if not _is_on(request, folder):
        return [incoming._replace(warnings=(*incoming.warnings, *_left(request)))]
    if not any("{" in text or "__" in text for text in (request.prompt, request.neg or "")):
        return [incoming]
    return await asyncio.to_thread(_each, incoming, folder)


def _is_on(request: GenerateRequest, folder: Path | None) -> bool:
    """What was chosen once stays as it is; so does the prompt of a recipe from before anything could be chosen."""
    if _is_chosen(request):
        return False
    if request.wildcards is not None:
        return request.wildcards
    return folder is not None and request.buckets is None


def _is_chosen(request: GenerateRequest) -> bool:
    return any(getattr(request, template) is not None for _, template in _PROMPTS)


def _left(request: GenerateRequest) -> list[Message]:
    """What isn't chosen of a request that has wildcards, unless it says so itself."""
    if _is_chosen(request):
        return [message("wildcard.chosen", "wildcards", other="template")] if request.wildcards else []
    if request.wildcards is False:
        return []
    found = {field: wildcard_in(getattr(request, field) or "") for field, _ in _PROMPTS}
    return [message("prompt.wildcard", field, text=text) for field, text in found.items() if text]


def _each(incoming: Incoming, folder: Path | None) -> list[Incoming]:
    lists: Lists = WordLists(folder) if folder is not None else NoLists()
    made: list[Incoming] = []
    for seed in seeds_of(incoming.request, lambda: secrets.randbits(64)):
        changes, warnings = dict[str, object](seed=seed, count=None), list(incoming.warnings)
        for field, template in _PROMPTS:
            if text := getattr(incoming.request, field):
                words, notes = expanded(text, seed, lists, field)
                warnings += notes
                changes |= {field: words, template: text} if words != text else {}
        request = msgspec.structs.replace(incoming.request, **changes)
        made.append(incoming._replace(request=request, warnings=tuple(warnings)))
    if not any(_is_chosen(each.request) for each in made):
        return [incoming._replace(warnings=made[0].warnings)]
    return made
