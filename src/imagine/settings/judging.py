"""How the owner has the assistant asked of prompts: `moderation.assistant`, a mapping, or whether it is at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..asking.checking import shown
from ..words.moderation import JudgeSettings
from . import values

_LONGEST = 200
_LEAST, _MOST = 1.0, 600.0
_FIELDS = ("fail", "model", "timeout")
_ALLOWED = f"such that assistant is true, false, or a mapping of {', '.join(_FIELDS)}"
_YES, _NO = ("on", "yes", "true"), ("off", "no", "false", "none")


def judge(value: object) -> JudgeSettings | None:
    """The mapping; None where it isn't asked. Raises ValueError."""
    if not isinstance(value, Mapping):
        said = str(value).strip().lower()
        if said not in (*_YES, *_NO):
            raise ValueError(_ALLOWED)
        return JudgeSettings() if said in _YES else None
    if unknown := [name for name in value if name not in _READ]:
        raise ValueError(f"{_ALLOWED}, without {shown(unknown[0])}")
    return JudgeSettings(**{name: _READ[name](part) for name, part in value.items() if part is not None})


def _model(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
        raise ValueError("such that assistant.model is auto, or a name that the assistant's server lists")
    return value.strip()


def _seconds(value: object) -> float:
    try:
        number = values.seconds(value)
    except ValueError as error:
        raise ValueError(f"such that assistant.timeout is {error}") from error
    if not _LEAST <= number <= _MOST:
        raise ValueError(f"such that assistant.timeout is from {_LEAST:g} to {_MOST:g} seconds")
    return number


_READ: dict[str, Any] = {"fail": lambda value: values.failing("assistant", value), "model": _model, "timeout": _seconds}
