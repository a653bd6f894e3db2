"""Which program's recipe a text is: the one list of them."""

from __future__ import annotations

from collections.abc import Mapping

from ...messages import message
from .comfyui import recipe_from_comfyui
from .fooocus import recipe_from_fooocus
from .invokeai import recipe_from_invokeai
from .reading import ForeignRecipe, draft, object_from
from .swarmui import recipe_from_swarmui

KEYS = ("invokeai_metadata", "prompt")
"""The keys of PNG texts that other programs' recipes stand under, beside AUTOMATIC1111's `parameters`."""
_UNREAD = ("sd-metadata", "Dream", "generation_data", "Comment", "workflow")
"""Keys of recipes that can't be read here: named, so that nobody takes them for none."""
ALL_KEYS = (*KEYS, *_UNREAD)


def recipe_from_parameters(text: str) -> ForeignRecipe | None:
    """The recipe of a program that writes JSON where AUTOMATIC1111 writes lines; None for what is no JSON."""
    if not text.lstrip().startswith("{") or (values := object_from(text)) is None:
        return None
    return recipe_from_swarmui(values) or recipe_from_fooocus(values) or _unread("JSON in 'parameters'")


def recipe_from_texts(texts: Mapping[str, str]) -> ForeignRecipe | None:
    """The recipe in a PNG's other texts, None where there is none."""
    if (values := object_from(texts.get("invokeai_metadata", ""))) and (read := recipe_from_invokeai(values)):
        return read
    if (graph := object_from(texts.get("prompt", ""))) and (read := recipe_from_comfyui(graph)):
        return read
    there = [key for key in ALL_KEYS if key in texts]
    return _unread(", ".join(f"'{key}'" for key in there)) if there else None


def _unread(what: str) -> ForeignRecipe:
    made = draft()
    made.warnings.append(message("foreign.unread", None, what=what))
    return made
