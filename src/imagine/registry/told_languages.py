"""What a model can be told in: by what its family's encoders were taught, and by the examples that are beside it."""

from __future__ import annotations

from ..families.hearing import speaks_many_languages
from ..families.scripts import scripts_in, taught_scripts
from ..words.entry import Entry
from .stated import LANGUAGES, examples_from


def scripts_of(model: Entry) -> frozenset[str] | None:
    """The scripts that it can read, by Unicode's names; None: any, or nobody knows. What it has examples of it can."""
    taught = taught_scripts(model.family, model.missing)
    if taught is None:
        return None
    return taught | {script for each in examples_from(model.metadata).values() for script in scripts_in(" ".join(each))}


def languages_of(model: Entry) -> list[str]:
    """Those of ours in which words surely say something to it: English, and what it is known to be told in."""
    if speaks_many_languages(model.family, model.variant):
        return list(LANGUAGES)
    told = examples_from(model.metadata)
    return [each for each in LANGUAGES if each == LANGUAGES[0] or told.get(each)]
