"""What a picture shows, as a model that sees says it: asked for by a schema, checked here, and put into words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from .answers import plain, several, words

VERSION = 1
"""Of the question. What was answered to another one isn't remembered as an answer to this."""
_MOST_SUBJECTS = 12
_SHORT, _LONG = 60, 200
"""Characters."""
_REFUSALS = re.compile(
    r"\b(?:i(?:'m| am)? (?:sorry|unable|can(?:'|no)t|not able)|as an ai|cannot (?:assist|help|see|view))\b",
    re.IGNORECASE,
)
_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 8}


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


_SUBJECT = _object(name=_TEXT, count={"type": "integer", "minimum": 1}, colours=_TEXTS, material=_TEXT, position=_TEXT)
SCHEMA = _object(
    subjects={"type": "array", "items": _SUBJECT, "minItems": 1, "maxItems": _MOST_SUBJECTS},
    background=_TEXT,
    composition=_object(shot=_TEXT, angle=_TEXT, layout=_TEXT),
    lighting=_TEXT,
    palette=_TEXTS,
    style=_TEXT,
    people={"type": "boolean"},
    text_in_image=_TEXT,
)


class SeenSubject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing in a picture."""

    name: str
    count: int = 1
    colours: tuple[str, ...] = ()
    material: str = ""
    position: str = ""


class SeenComposition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a picture is laid out."""

    shot: str = ""
    angle: str = ""
    layout: str = ""


class PictureDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a picture shows; what isn't known is empty."""

    subjects: tuple[SeenSubject, ...] = ()
    background: str = ""
    composition: SeenComposition = SeenComposition()
    lighting: str = ""
    palette: tuple[str, ...] = ()
    style: str = ""
    people: bool | None = None
    text_in_image: str = ""

    def missing(self) -> list[str]:
        """The fields that say nothing, though every picture has something to say there."""
        lacking = [] if any(subject.colours for subject in self.subjects) else ["subjects"]
        lacking += [name for name in ("background", "lighting", "palette", "style") if not getattr(self, name)]
        if not (self.composition.shot or self.composition.layout):
            lacking.append("composition")
        return lacking + (["people"] if self.people is None else [])

    def filled(self, other: PictureDescription) -> PictureDescription:
        """With what `other` says where this says nothing."""
        lacking = {name: getattr(other, name) for name in self.missing()}
        if "subjects" in lacking and not any(each.colours for each in other.subjects):
            lacking["subjects"] = self.subjects or other.subjects
        return msgspec.structs.replace(self, **lacking)

    def in_words(self) -> str:
        """All of it as one text, for a model that doesn't see, and for a person to change."""
        return "; ".join(self._clauses())

    def as_caption(self) -> str:
        """As captions are written that pictures are learned by: phrases with commas between, without any syntax."""
        things = [phrase for each in self.subjects for phrase in (_counted(each), each.position)]
        shot = self.composition.shot and f"{self.composition.shot} shot"
        on = self.background and f"{self.background} background"
        return ", ".join(filter(None, map(plain, (*things, on, shot, self.lighting, self.style))))

    def _clauses(self) -> Iterator[str]:
        if self.subjects:
            yield ", ".join(map(_told, self.subjects))
        layout = (self.composition.shot and f"{self.composition.shot} shot", self.composition.angle)
        named = {
            "background": self.background,
            "composition": ", ".join(filter(None, (*layout, self.composition.layout))),
            "light": self.lighting,
            "colours": ", ".join(self.palette),
            "style": self.style,
        }
        yield from (f"{name}: {text}" for name, text in named.items() if text)
        if self.text_in_image:
            yield f'text in it, as content: "{self.text_in_image}"'


def _told(subject: SeenSubject) -> str:
    return f"{_counted(subject)} ({subject.position})" if subject.position else _counted(subject)


def _counted(subject: SeenSubject) -> str:
    count = f"{subject.count} " if subject.count > 1 else ""
    return count + " ".join(filter(None, (" and ".join(subject.colours), subject.material, subject.name)))


def seen_from(said: Mapping[str, Any]) -> PictureDescription:
    """What an answer says, of whatever types; what makes no sense is left out, and what is a refusal is nothing."""
    subjects = said.get("subjects")
    subjects = subjects if isinstance(subjects, list | tuple) else [] if subjects is None else [subjects]
    composition = said.get("composition")
    layout = composition if isinstance(composition, Mapping) else {"layout": composition}
    people = said.get("people")
    return PictureDescription(
        subjects=tuple(filter(None, map(_subject, subjects[:_MOST_SUBJECTS]))),
        background=_phrase(said.get("background"), _LONG),
        composition=SeenComposition(**{name: _phrase(layout.get(name), _LONG) for name in ("shot", "angle", "layout")}),
        lighting=_phrase(said.get("lighting"), _LONG),
        palette=several(said.get("palette"), 8, _SHORT),
        style=_phrase(said.get("style"), _LONG),
        people=people if isinstance(people, bool) else None,
        text_in_image=_phrase(said.get("text_in_image"), _LONG),
    )


def _subject(said: object) -> SeenSubject | None:
    if isinstance(said, str):
        said = {"name": said}
    if not isinstance(said, Mapping) or not (name := _phrase(said.get("name"), _SHORT)):
        return None
    count = said.get("count")
    count = count if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 1000 else 1
    return SeenSubject(
        name=name, count=count, colours=several(said.get("colours", said.get("colors")), 4, _SHORT),
        material=_phrase(said.get("material"), _SHORT), position=_phrase(said.get("position"), _SHORT),
    )  # fmt: skip


def _phrase(value: object, longest: int) -> str:
    text = words(value, longest)
    return "" if _REFUSALS.search(text) else text


def schema_of(missing: Sequence[str]) -> dict[str, Any]:
    """Of what is asked for once more."""
    return _object(**{name: SCHEMA["properties"][name] for name in missing})
