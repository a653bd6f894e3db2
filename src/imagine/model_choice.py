"""Which model a request gets when it may not have named one."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import BadRequest, ModelNotFound
from .registry.entry import Entry
from .registry.matching import matching, similar

_LISTED = 20


def choose_model(
    name: str | None, *, available: Sequence[Entry], default: str | None = None, recent: Sequence[str] = (),
    alias: str | None = None,
) -> str:  # fmt: skip
    """The named one; else the configured `default`; else the only one; else the first of `recent` (latest first).

    `available` is what can make a picture; the shipped model counts only where there is no other. Aliases are the
    caller's, to apply before; `alias` is the one that led to no name, for the error's words.
    Raises ModelNotFound for a name that isn't there, BadRequest on `model` where none is named and nothing decides.
    """
    names = [entry.name for entry in available]
    if name is not None:
        if (model := matching(name, names)) is None:
            raise ModelNotFound(name, similar=similar(name, names))
        return model
    unnamed = "no model was named" if alias is None else f"'{alias}' stands for the default model"
    if default is not None:
        if (model := matching(default, names)) is None:
            message = f"{unnamed}, and the configured default '{default}' isn't there{_among(names)}"
            raise BadRequest(message, field="model")
        return model
    if (only := _only(available)) is not None:
        return only
    for used in recent:
        if used in names:
            return used
    raise BadRequest(f"{unnamed}, and nothing says which one to take{_among(names)}", field="model")


def default_model(available: Sequence[Entry], default: str | None) -> str | None:
    """The model of every request that names none, whatever was used before; None where nothing settles it."""
    if default is not None:
        return matching(default, [entry.name for entry in available])
    return _only(available)


def _only(available: Sequence[Entry]) -> str | None:
    """The only model, not counting the shipped one where there are others."""
    own = [entry.name for entry in available if not entry.shipped] or [entry.name for entry in available]
    return own[0] if len(own) == 1 else None


def _among(names: Sequence[str]) -> str:
    if not names:
        return ": no model is installed"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"; there are: {', '.join(sorted(names)[:_LISTED])}{more}"
