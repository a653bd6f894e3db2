"""Whether the first of two words is a model's name, and what is said of a server that has no model of its user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..files.model_folders import roots_from
from ..words.model_names import matching, similar, without_suffix
from .console import note
from .inputs import STDIN

if TYPE_CHECKING:
    from ..client.client import Client

MODEL_KINDS = frozenset({"checkpoint", "diffusion-model", "unknown"})
"""What a name for a model can lead to; a damaged file is of a kind that nobody can tell any more."""


class ListedNames(NamedTuple):
    """What a server's files are called."""

    usable: list[str]
    """Models that can draw."""
    models: list[str]
    """And those that can't as they are, and names that stand for a model."""
    other_kinds: dict[str, str]
    """The kind of every other file, which draws nothing."""


def names_from(listed: Mapping[str, Any]) -> ListedNames:
    """The names in the answer of `/models`."""
    usable = [entry["name"] for entry in listed["details"]]
    unusable = [entry["name"] for entry in _unusable(listed)]
    models = list(dict.fromkeys([*usable, *unusable, *listed.get("aliases", ())]))
    kinds = {entry["name"]: entry["kind"] for entry in listed["others"] if entry.get("kind") not in MODEL_KINDS}
    return ListedNames(usable, models, kinds)


def model_first(words: tuple[str, ...], names: ListedNames) -> tuple[str, str] | None:
    """The model and the prompt, where the words are these two; None where all of them are the prompt.

    A model that can't be used is meant all the same, and so refused; a file of another kind only where the words can't
    be meant otherwise. Words that may well have been meant otherwise are told.
    """
    if len(words) == 1 and words[0] in names.usable:
        note(f"drawing the words '{words[0]}'; to be asked for prompts of that model: imagine run -m {words[0]}")
    if len(words) != 2:
        return None
    first, second = words
    if (model := matching(first, names.models, any_case=" " in second)) is not None:
        return model, second
    if (other := matching(first, names.other_kinds, any_case=False)) is not None:
        if " " in second or second == STDIN or without_suffix(first) != first:
            return other, second
        kind = names.other_kinds[other]
        note(f"'{first}' is the prompt's first word, since the file of that name is no model but of the kind {kind}")
    elif " " in second and " " not in first and (near := similar(first, names.models)):
        note(f"'{first}' is the prompt's first word, since no model is called so; did you mean {near[0]}?")
    return None


def say_shipped(client: Client, listed: Mapping[str, Any]) -> None:
    """Where no model but the shipped one can be used, says so, and where models go."""
    details = listed["details"]
    if details and all(entry.get("shipped") for entry in details):
        name, folder = details[0]["name"], _folder_of(client)
        note(f"{no_model(_unusable(listed))}: using {name}, which is small; models go into {folder}")


def no_model(unusable: list[dict[str, Any]]) -> str:
    """That there is no model but the shipped one, or that these can't be used."""
    return "no model that is installed can be used" if unusable else "no model is installed"


def _unusable(listed: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in listed["others"] if entry.get("kind") in MODEL_KINDS]


def _folder_of(client: Client) -> str:
    """Where the server looks for models: this user's own is told what this command is, others say it themselves."""
    if client.address.socket is None:
        return f"the folder that the server at {client.address} names when it starts"
    return str(roots_from(os.environ)[0])
