"""Which embeddings a prompt's words are, on a model: told by what was listed of their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..families.table import embedding_families
from ..messages import Message, message
from ..words.entry import Entry


def misfit(file: Entry, model: Entry, field: str, called: str) -> Message | None:
    """Why an embedding can't be used in a prompt of this model; None where it may be."""
    fitting, name = embedding_families(model.family), called[:40]
    if file.family and fitting and file.family not in fitting:
        what = {"family": file.family, "model": model.name, "model_family": model.family}
        return message("embedding.family", field, name=name, **what)
    shared = file.family in fitting[1:]  # then it has vectors for more encoders than this model's, or for fewer
    if file.context and model.context and file.context != model.context and not shared:
        return message("embedding.misfit", field, name=name, made=file.context, model=model.name, taken=model.context)
    return None


def bare_names(files: Sequence[Entry], model: Entry) -> dict[str, Entry]:
    """The embeddings that a word alone can be, by that word: their names, and what their files are called where that is
    said of one that fits alone, or of none."""
    fitting = [file for file in files if misfit(file, model, "", "") is None]
    others = [file for file in files if file not in fitting]
    names: dict[str, Entry] = {}
    for each in (fitting, others):
        own = Counter(_own_name(file).casefold() for file in each)
        for file in each:
            names.setdefault(file.name, file)
            if own[_own_name(file).casefold()] == 1:
                names.setdefault(_own_name(file), file)
    return names


def _own_name(file: Entry) -> str:
    return file.name.rpartition("/")[2]
