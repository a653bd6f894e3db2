"""Where the assistant is and how it is asked: its address, or a mapping that says more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from ..asking.checking import shown
from ..files import model_folders
from ..words.assistant import AssistantDialect, AssistantSettings, ToldIn, UnloadBefore
from . import values

_ALLOWED = f"a URL such as http://127.0.0.1:11434, or a mapping of {', '.join(AssistantSettings.__struct_fields__)}"
_LONGEST = 200
_MOST_SECONDS = 3600.0
_NONE = ("", "none", "off", "no", "false")
_YES_AND_NO = {"true": "always", "yes": "always", "on": "always", "false": "never", "no": "never", "off": "never"}


def assistant(value: object) -> AssistantSettings:
    """A URL, a mapping, or the same as JSON text; `none` is none."""
    value = values.unfolded_json(value, _ALLOWED)
    if not isinstance(value, Mapping):
        text = str(value).strip()
        return AssistantSettings() if text.lower() in _NONE else AssistantSettings(url=_url(text))
    if unknown := [name for name in value if name not in _READ]:
        raise ValueError(f"{_ALLOWED}, without {shown(unknown[0])}")
    said = {name: _READ[name](part) for name, part in value.items() if part is not None}
    if not said.get("url") and set(said) - {"url"}:
        raise ValueError("such that url says where it is")
    return AssistantSettings(**said)


def _url(value: object) -> str:
    text = str(value).strip().rstrip("/")
    if text.lower() in _NONE:
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username or parts.password or len(text) > _LONGEST:
        raise ValueError("such that url is a plain one, such as http://127.0.0.1:11434")
    return text


def _one_of(name: str, kind: object) -> Callable[[object], str]:
    names = get_args(kind)

    def read(value: object) -> str:
        text = str(value).strip().lower()
        text = text if text in names else _YES_AND_NO.get(text, text)
        if text not in names:
            raise ValueError(f"such that {name} is {', '.join(names[:-1])} or {names[-1]}, and not {shown(value)}")
        return text

    return read


def _model(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
        raise ValueError("such that its models are auto, or names that its server lists")
    return value.strip()


def _seconds(name: str, least: float, *, endless: bool) -> Callable[[object], float]:
    def read(value: object) -> float:
        try:
            number = values.seconds(value)
        except ValueError as error:
            raise ValueError(f"such that {name} is {error}") from error
        if not (least <= number <= _MOST_SECONDS or (endless and number < 0)):
            raise ValueError(f"such that {name} is from {least:g} to {_MOST_SECONDS:g} seconds")
        return number

    return read


def _names(name: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        given = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
        names = tuple(str(part).strip() for part in given)
        if not all(0 < len(each) <= _LONGEST for each in names) or len(names) > 64:
            raise ValueError(f"such that {name} is a list of names")
        return names

    return read


_READ: dict[str, Callable[[object], Any]] = {
    "url": _url,
    "dialect": _one_of("dialect", AssistantDialect),
    "vision_model": _model,
    "text_model": _model,
    "keep_alive": _seconds("keep_alive", 0, endless=True),
    "timeout": _seconds("timeout", 1, endless=False),
    "unload_before_generate": _one_of("unload_before_generate", UnloadBefore),
    "language": _one_of("language", ToldIn),
    "revise": _names("revise"),
    "allow": _names("allow"),
    "key_file": model_folders.path,
}
