"""How the owner has pictures looked at: `moderation.pictures`, a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..asking.checking import shown
from ..words.moderation import PictureSettings
from . import values

_FIELDS = ("model", "threshold", "fail")
_ALLOWED = "such that pictures is a mapping of model, threshold and fail"


def pictures(value: object) -> PictureSettings:
    """The mapping; a threshold may be one of its own, by category. Raises ValueError."""
    return PictureSettings(**said_of_pictures(value))


def said_of_pictures(value: object) -> dict[str, Any]:
    """As `pictures`, but only the fields of PictureSettings that the mapping speaks of."""
    given = dict(value) if isinstance(value, Mapping) else {"": value}
    if unknown := [name for name in given if name not in _FIELDS]:
        raise ValueError(f"{_ALLOWED}, without {shown(unknown[0])}" if unknown[0] else _ALLOWED)
    said = {name: _READ[name](part) for name, part in given.items() if part is not None}
    above = said.pop("threshold", None)
    if above is None:
        return said
    by_category = isinstance(above, Mapping)
    return {**said, "threshold": None if by_category else above, "thresholds": above if by_category else {}}


def _model(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("such that pictures.model is the name of a file that looks at pictures")
    return value.strip()


def _threshold(value: object) -> float | dict[str, float]:
    return {str(name): _share(part) for name, part in value.items()} if isinstance(value, Mapping) else _share(value)


def _share(value: object) -> float:
    """A score. `nan` is none."""
    try:
        share = float(str(value))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"such that pictures.threshold is 0 to 1, or such numbers by category, and not {shown(value)}")
    return share


_READ: dict[str, Any] = {
    "model": _model, "threshold": _threshold, "fail": lambda value: values.failing("pictures", value),
}  # fmt: skip
