"""Which model a request gets when it may not have named one."""

from __future__ import annotations

from collections.abc import Sequence

from ..files.shipped import FIRST
from ..messages import Message, message
from ..words.entry import Entry
from ..words.errors import BadRequest, ModelNotFound
from ..words.model_names import matching, similar

_LISTED = 20


def choose_model(
    name: str | None, *, available: Sequence[Entry], default: str | None = None, recent: Sequence[str] = (),
    alias: str | None = None,
) -> str:  # fmt: skip
    """The named one; else the configured `default`; else the only one; else the first of `recent` (latest first).

    `available` is what can make a picture; shipped models count only where there is no other. Aliases are the caller's,
    to apply before; `alias` is the one that led to no name, for the error's words.
    Raises ModelNotFound for a name that isn't there, BadRequest on `model` where none is named and nothing decides.
    """
    names = [entry.name for entry in available]
    if name is not None:
        if (model := matching(name, names)) is None:
            raise ModelNotFound(name, similar=similar(name, names))
        return model
    unnamed = message("model.unnamed") if alias is None else message("model.default_alias", name=alias)
    if default is not None:
        if (model := matching(default, names)) is None:
            raise BadRequest(message("model.no_default", "model", unnamed=unnamed, name=default, among=_among(names)))
        return model
    if (only := _only(available)) is not None:
        return only
    for used in recent:
        if used in names:
            return used
    raise BadRequest(message("model.undecided", "model", unnamed=unnamed, among=_among(names)))


def default_model(available: Sequence[Entry], default: str | None) -> str | None:
    """The model of every request that names none, whatever was used before; None where nothing settles it."""
    if default is not None:
        return matching(default, [entry.name for entry in available])
    return _only(available)


def _only(available: Sequence[Entry]) -> str | None:
    """The only model, not counting what is made of others, nor shipped ones where there are others; of several shipped
    ones the first. What only another server has comes and goes: it counts where there is one, and none here."""
    files = [entry for entry in available if not entry.is_named]
    own = [entry for entry in files if not entry.shipped and not entry.place]
    far = [entry for entry in files if entry.place]
    several = own or (far if len(far) == 1 else [each for each in files if each.name == FIRST])
    names = [entry.name for entry in several or files]
    return names[0] if len(names) == 1 else None


def _among(names: Sequence[str]) -> Message:
    if not names:
        return message("model.none_installed")
    listed = ", ".join(sorted(names)[:_LISTED])
    if len(names) > _LISTED:
        return message("model.among_many", names=listed, more=len(names) - _LISTED)
    return message("model.among", names=listed)
