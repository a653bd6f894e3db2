"""Whether a file can go beside a model, as far as both say of themselves; refused before anything is queued."""

from __future__ import annotations

from collections.abc import Mapping

from ...families.table import is_published_width
from ...messages import message
from ...words.beside import is_made_for, made_for, runs
from ...words.entry import Entry
from ...words.errors import Unsupported
from ..gateway.named import NextTo

_SHOWN = 40


def goes_with(file: Entry, model: Entry) -> bool:
    """Is it made for the model's family and size, and for what its denoiser attends to? What isn't known is no
    hindrance."""
    same_family = file.family == model.family or not file.family or not model.family
    return (
        same_family
        and is_made_for(file, model)
        and (not file.context or not model.context or file.context == model.context)
    )


def beside(model: Entry) -> NextTo:
    """What is asked for beside that model has to go with it."""
    ordinary = model.family and is_published_width(model.family, model.context)
    return NextTo(
        f"{model.family} {made_for(model)}".rstrip() if ordinary else model.name, lambda file: goes_with(file, model)
    )


def check_fit(file: Entry, model: Entry, table: Mapping[str, frozenset[str]], field: str, called: str) -> None:
    """Raises Unsupported for what is made for another model, or is of a kind that `table` doesn't have for it;
    `called` is what the request calls it."""
    if not goes_with(file, model):
        words = {"value": called[:_SHOWN], "model": model.name}
        if file.family and model.family and file.family != model.family:
            raise Unsupported(message("beside.family", field, family=file.family, model_family=model.family, **words))
        if not is_made_for(file, model):
            raise Unsupported(message("beside.size", field, made=made_for(file), taken=model.variant, **words))
        raise Unsupported(message("beside.width", field, made=file.context, taken=model.context, **words))
    if not runs(table, file, model):
        what = {"kind": file.variant or file.kind, "family": file.family or model.family}
        raise Unsupported(message("beside.kind", field, value=called[:_SHOWN], **what))
