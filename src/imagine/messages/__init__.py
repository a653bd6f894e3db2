"""What users are told, by code: a `Message` crosses every seam, and becomes a sentence only at the border.

The sentences stand in `english` and `russian`, a template for each code. In a template `{field}` is the field's name
as the reader knows it, `{name}` one of the message's values, `{value!r}` one as JSON would write it, `{other:field}`
one that is itself a field's name, and `{count:step|steps}` a number with the word's right form (three forms in
Russian: `{count:шаг|шага|шагов}`). A name that is no value is another field's, as the reader knows it. A value can be
a message itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

Language = Literal["en", "ru"]
_LANGUAGES: Mapping[str, Language] = {"en": "en", "ru": "ru"}
Names = Mapping[str, str]
"""What a reader calls our fields, where that is another name than ours."""
NO_NAMES: Names = MappingProxyType({})
_MOST = 100
"""Characters of a value that stands beside its sentence."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to be told: which sentence, the field that it is about, and the values that stand in it.

    `value` among the values is what the field was said to be.
    """

    code: str
    field: str | None = None
    values: dict[str, str | bool | int | float | Message] = {}
    spelled: str | None = None
    """What whoever said the field called it, where that is known and another name."""

    def __str__(self) -> str:
        return sentence(self)

    def __hash__(self) -> int:
        return hash((self.code, self.field, *self.values.items()))

    @property
    def value(self) -> str | bool | int | float | None:
        """What the field was said to be, shortened; None where that is not known, or no text and no number."""
        value = self.values.get("value")
        if isinstance(value, Message) and value.code == "value.long_text":
            value = f"{value.values['text']}…"
        if isinstance(value, str) and len(value) > _MOST:
            return value[: _MOST - 1] + "…"
        return None if isinstance(value, Message) else value

    def about(self, field: str | None) -> Message:
        """The same of another field, or of none."""
        return msgspec.structs.replace(self, field=field, spelled=None)

    def called(self, spelled: str | None) -> Message:
        """The same, with the name that its reader said the field by; None where that is ours."""
        return msgspec.structs.replace(self, spelled=spelled)


Value = str | bool | int | float | Message


def message(code: str, field: str | None = None, /, **values: Value) -> Message:
    """A message of that code. Asserts that there is one: a code without a sentence is our bug."""
    assert code in _templates("en"), f"no sentence for {code}"
    return Message(code, field, values)


def in_english(text: str, field: str | None = None) -> Message:
    """What a command, or the owner's own log, says in English only; nothing that a server answers is one."""
    return Message("plain", field, {"text": text})


def sentence(note: Message, language: Language = "en", called: Names = NO_NAMES) -> str:
    """What `note` says in that language; `called` gives our fields the names that the reader knows them by."""
    return "".join(part if isinstance(part, str) else part.named(called) for part in _parts(note, language))


def template(note: Message, language: Language = "en") -> str | None:
    """The same for readers with names of their own: each field of ours stands in braces, other braces are doubled.

    None where the sentence names no field.
    """
    parts = list(_parts(note, language))
    if all(isinstance(part, str) for part in parts):
        return None
    return "".join(
        f"{{{part.name}}}" if isinstance(part, _Field) else part.replace("{", "{{").replace("}", "}}") for part in parts
    )


def sentences(notes: Iterable[Message], language: Language = "en", called: Names = NO_NAMES) -> list[str]:
    """The sentences of several, each once."""
    return list(dict.fromkeys(sentence(note, language, called) for note in notes))


def named(field: str, called: Names) -> str:
    """The name that a reader knows a field by, or a part of one (`hires.scale`)."""
    if field in called:
        return called[field]
    head, dot, part = field.partition(".")
    return called.get(head, head) + dot + part


def field_of(note: Message, called: Names = NO_NAMES) -> str | None:
    """The name that a reader knows the field of `note` by; None where it is about none."""
    return note.spelled or (named(note.field, called) if note.field else None)


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


def language_of(environ: Mapping[str, str]) -> Language:
    """The language of whoever runs a command in that environment, as POSIX says it; English where we don't speak it."""
    said = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return _LANGUAGES.get(said[:2].lower(), "en") if said[2:3] in ("", "_", ".", "@") else "en"


@lru_cache
def _templates(language: Language) -> Mapping[str, str]:
    if language == "ru":
        from .russian import SENTENCES  # only for who reads it
    else:
        from .english import SENTENCES
    return SENTENCES


class _Field(NamedTuple):
    """A field's name in a sentence, and what whoever said it called it."""

    name: str
    spelled: str | None = None

    def named(self, called: Names) -> str:
        return self.spelled or named(self.name, called)


def _parts(note: Message, language: Language) -> Iterator[str | _Field]:
    """What a sentence is made of: text, and the fields that it names."""
    form = _templates(language).get(note.code)
    if form is None:  # told by a newer worker or server than this one
        yield f"{note.code} {note.values or ''}".strip()
        return
    from string import Formatter  # most commands say nothing of ours

    for literal, name, spec, conversion in Formatter().parse(form):
        yield literal
        if name == "field" and name not in note.values:
            yield _Field(note.field or "", note.spelled)
        elif name is not None:
            yield from _value(note.values.get(name, _Field(name)), spec or "", conversion, language)


def _value(value: Value | _Field, spec: str, conversion: str | None, language: Language) -> Iterator[str | _Field]:
    if isinstance(value, Message):
        yield from _parts(value, language)
    elif isinstance(value, _Field):
        yield value
    elif spec == "field":
        yield _Field(str(value))
    elif isinstance(value, str):
        yield repr(value) if conversion else value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif conversion:
        yield str(value)
    else:
        count = f"{value:g}" if isinstance(value, float) else str(value)
        yield f"{count} {spec.split('|')[_form(value, language)]}" if spec else count


def _form(count: float, language: Language) -> int:
    return _russian_form(count) if language == "ru" else _english_form(count)


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
