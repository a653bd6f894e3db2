"""Which file looks at pictures: the one that the owner names, else the one that ships."""

from __future__ import annotations

from ...messages import Message, message
from ...moderation.rulebook import Rulebook
from ...registry.registry import Registry
from ...words.entry import Entry
from ...words.errors import ImagineError, UnusableModel
from ...words.safety import CLASSIFIERS, SAFETY


def find_checker(registry: Registry, named: str | None) -> Entry:
    """That file. Raises UnusableModel where nothing is named and nothing ships, ModelNotFound."""
    if named is None:
        files = (each for each in registry.files() if each.kind == SAFETY and each.shipped and not each.problem)
        named = next((each.name for each in files if each.family in CLASSIFIERS), None)
    if named is None:
        raise UnusableModel(message("checker.none"))
    return registry.find_alike(named, kind=SAFETY)


def missing_checker(registry: Registry, rulebook: Rulebook) -> Message | None:
    """Why pictures that are to be looked at can't be, or None: as of the last look at the folders."""
    for named in rulebook.checkers:
        try:
            find_checker(registry, named)
        except ImagineError as error:
            return message("checker.missing", None, name=called(named), why=error.note)
    return None


def called(named: str | None) -> Message:
    """What looks, for people."""
    return message("checker.shipped") if named is None else message("checker.named", None, name=named)
