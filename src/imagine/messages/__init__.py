"""What users are told, by code: a `Message` crosses every seam, and becomes a sentence only at the border.

The sentences stand in `english` and `russian`, a template for each code. In a template `{field}` is the field's name
as the dialect spells it, `{name}` one of the message's values, and `{count:step|steps}` a number with the word's right
form (three forms in Russian: `{count:шаг|шага|шагов}`). A name that is no value is another field's, as the dialect
spells it. A value can be a message itself.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import msgspec

Language = Literal["en", "ru"]
_LANGUAGES: Mapping[str, Language] = {"en": "en", "ru": "ru"}
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Message(msgspec.Struct, frozen=True):
    """One thing to be told: which sentence, the field that it is about, and the values that stand in it."""

    code: str
    field: str | None = None
    values: dict[str, str | int | float | Message] = {}

    def __str__(self) -> str:
        return sentence(self)

    def __hash__(self) -> int:
        return hash((self.code, self.field, *self.values.items()))


Note = str | Message
"""A warning: a message, or a sentence that has no code yet."""
Value = str | int | float | Message


def message(code: str, field: str | None = None, /, **values: Value) -> Message:
    """A message of that code. Asserts that there is one: a code without a sentence is our bug."""
    assert code in _templates("en"), f"no sentence for {code}"
    return Message(code, field, values)


def sentence(note: Note, language: Language = "en", called: Mapping[str, str] = _NO_NAMES) -> str:
    """What `note` says in that language; `called` gives our fields the names that the reader knows them by."""
    if isinstance(note, str):
        return note
    template = _templates(language).get(note.code)
    if template is None:  # told by a newer worker or server than this one
        return f"{note.code} {note.values or ''}".strip()
    values: dict[str, Any] = {
        name: sentence(value, language, called) if isinstance(value, Message) else value
        for name, value in note.values.items()
    }
    values.setdefault("field", spelled(note.field or "", called))
    return _Sentences(language, called).vformat(template, (), values)


def sentences(notes: Iterable[Note], language: Language = "en", called: Mapping[str, str] = _NO_NAMES) -> list[str]:
    """The sentences of several, each once."""
    return list(dict.fromkeys(sentence(note, language, called) for note in notes))


def spelled(field: str, called: Mapping[str, str]) -> str:
    """The name that a reader knows a field by, or a part of one (`hires.scale`)."""
    head, dot, part = field.partition(".")
    return called.get(head, head) + dot + part


def language_from_header(accepted: str) -> Language:
    """The language of an `Accept-Language` header that we speak and that it prefers; English where it says none."""
    best: tuple[float, Language] = (0.0, "en")
    for part in accepted[:200].split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = parameters.strip().removeprefix("q=").strip() if parameters else "1"
        wanted = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
        language = _LANGUAGES.get(primary)
        if language and wanted > best[0]:
            best = (wanted, language)
    return best[1]


@lru_cache
def _templates(language: Language) -> Mapping[str, str]:
    if language == "ru":
        from .russian import SENTENCES  # only for who reads it
    else:
        from .english import SENTENCES
    return SENTENCES


class _Sentences(string.Formatter):
    """`str.format` that knows how a word goes with a number."""

    def __init__(self, language: Language, called: Mapping[str, str]) -> None:
        self._form = _russian_form if language == "ru" else _english_form
        self._called = called

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002 - as its base's
        """A value, or the name of the field that `key` is."""
        assert isinstance(key, str), "sentences name their values"
        return kwargs[key] if key in kwargs else spelled(key, self._called)

    def format_field(self, value: Any, format_spec: str) -> str:
        """The value, and behind a number the right one of the forms that the template gives."""
        if "|" not in format_spec:
            return f"{value:g}" if isinstance(value, float) and not format_spec else format(value, format_spec)
        return f"{value:g} {format_spec.split('|')[self._form(value)]}"


def _english_form(count: float) -> int:
    return 0 if count == 1 else 1


def _russian_form(count: float) -> int:
    """Of one (1, 21), few (2…4, 22, and fractions), many (0, 5…20); CLDR's plural rules for Russian."""
    if count % 1:
        return 1
    ones, tens = int(count) % 10, int(count) % 100
    if ones == 1 and tens != 11:
        return 0
    return 1 if 2 <= ones <= 4 and not 12 <= tens <= 14 else 2
