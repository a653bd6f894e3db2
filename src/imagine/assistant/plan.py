"""What a wish becomes: a prompt and settings, as they are asked for, and as they are once held to what makes sense.

An answer is never wrong for a number out of range, or a name that nobody knows: those are moved, or left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from ..families.facts import PromptHabit
from ..messages import Message, message
from .answers import plain, several, words
from .description import PictureDescription
from .trouble import AssistantTrouble

KindOfChange = Literal["colour", "material", "object", "style", "background", "whole"]
CHANGES: tuple[KindOfChange, ...] = get_args(KindOfChange)
STRENGTHS: Mapping[KindOfChange, tuple[float, float]] = {
    "colour": (0.8, 0.9), "material": (0.65, 0.8), "object": (0.65, 0.8), "style": (0.55, 0.7),
    "background": (0.65, 0.8), "whole": (0.7, 0.9),
}  # fmt: skip
"""How much is painted anew for each kind of change: with less, hardly anything changes its colour."""
STRENGTH = 0.7
"""Where nobody knows which kind it is."""
HOLDING: frozenset[KindOfChange] = frozenset({"colour", "material", "style"})
"""Kinds of change by which everything stays where it is."""
PARTS = ("subject", "style", "light", "colours", "composition")
_OF_CHANGE: Mapping[str, tuple[str, ...]] = {
    "style": ("style",), "colour": ("colours",), "material": ("colours",), "background": ("light", "colours"),
}  # fmt: skip
"""The parts of a prompt that a change is about: what the picture was before says nothing of them."""
_LONGEST_PART, _LONGEST_PROMPT, _LONGEST_WHY, _LONGEST_KEPT = 600, 1500, 300, 60
_MOST_KEPT, _MOST_LORAS = 8, 2
_SPELLED = {
    "color": "colour", "recolor": "colour", "texture": "material", "add": "object", "remove": "object",
    "replace": "object", "scene": "background", "season": "background", "weather": "background", "all": "whole",
}  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]")
_PIECE = re.compile(r"[^\W\d_]+|\d|[^\w\s]")
_TEXT: dict[str, Any] = {"type": "string"}


class AssistPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and settings for one wish; None and empty is left to the model's own."""

    prompt: str
    negative: str = ""
    strength: float | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    change: KindOfChange = "whole"
    keep: tuple[str, ...] = ()
    why: str = ""
    description: str = ""
    """What the source picture shows, as far as anybody knows."""
    loras: tuple[str, ...] = ()
    """Names of those that it wants beside the model."""
    preset: str | None = None
    control: str | None = None
    """The file that holds the picture to where things are."""


class PlanTerms(NamedTuple):
    """What a plan can say for one model, and what the one who plans should know of it."""

    family: str
    habit: PromptHabit = PromptHabit()
    tokens: int = 0
    """That its encoder reads; 0: more than a prompt has."""
    num_steps: tuple[int, int] = (1, 150)
    guidance: tuple[float, float] = (0.0, 30.0)
    usual: tuple[int, float] = (25, 7.0)
    """Steps and guidance where nobody says any."""
    samplers: Sequence[str] = ()
    negates: bool = True
    """Has a negative prompt a say?"""
    picture: bool = False
    mask: bool = False
    loras: Mapping[str, Sequence[str]] = {}
    """Those that are there and fit, with the words that they were taught by."""
    triggers: Sequence[str] = ()
    """Words of those that are asked for, which the prompt has to have."""
    presets: Mapping[str, str] = {}
    language: str = "en"


def schema_for(terms: PlanTerms) -> dict[str, Any]:
    """What is asked for on these terms."""
    prompt = {"type": "object", "properties": dict.fromkeys(PARTS, _TEXT), "required": list(PARTS)}
    low, high = terms.num_steps
    fields: dict[str, Any] = {
        "prompt": prompt | {"additionalProperties": False},
        "negative": _TEXT,
        "change": {"type": "string", "enum": list(CHANGES)},
        "keep": {"type": "array", "items": _TEXT, "maxItems": _MOST_KEPT},
        "strength": {"type": "number", "minimum": 0, "maximum": 1},
        "steps": {"type": "integer", "minimum": low, "maximum": high},
        "guidance": {"type": "number", "minimum": terms.guidance[0], "maximum": terms.guidance[1]},
        "why": _TEXT,
    }
    if terms.samplers:
        fields["sampler"] = {"type": "string", "enum": list(terms.samplers)}
    if terms.loras:
        names = {"type": "string", "enum": list(terms.loras)}
        fields["loras"] = {"type": "array", "items": names, "maxItems": _MOST_LORAS}
    if terms.presets:
        fields["preset"] = {"type": "string", "enum": ["", *terms.presets]}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def told(wish: str, description: str, terms: PlanTerms) -> str:
    """What the one who plans is told: one JSON object, so that no text can pretend to stand beside it."""
    written = (
        "short phrases with commas between, the most important first"
        if terms.habit.form == "tags"
        else "full sentences that say how things stand to each other"
    )
    rules = [f"each part of the prompt is {written}"]
    if terms.tokens:
        rules.append(f"the whole prompt has at most {round(terms.tokens * 0.7)} words")
    if not terms.negates:
        rules.append('negative has no effect on this model: ""')
    if terms.triggers:
        rules.append("the prompt has these words: " + ", ".join(terms.triggers))
    if terms.mask:
        rules.append("only a part of the picture is painted anew, which is marked: the prompt is of that part")
    rules.append("why is in " + ("Russian" if terms.language == "ru" else "English"))
    about: dict[str, Any] = {
        "wish": wish,
        "picture": description if terms.picture else "",
        "model": terms.family,
        "rules": rules,
        "usual": {"steps": terms.usual[0], "guidance": terms.usual[1]},
    }
    if terms.loras:
        about["loras, only if the wish is about what they do"] = {n: ", ".join(w[:4]) for n, w in terms.loras.items()}
    if terms.presets:
        about['presets, only if the wish asks for such a style, else ""'] = dict(terms.presets)
    return msgspec.json.encode(about).decode()


def check_said(said: Mapping[str, Any]) -> None:
    """Raises AssistantTrouble for an answer of which no plan can be made: one without a prompt, or not in English."""
    text = _prompt_said(said)
    if not text:
        raise AssistantTrouble(message("assist.no_prompt"), "otherwise")
    letters = _LETTERS.findall(text)
    if sum(letter > "ɏ" for letter in letters) > len(letters) // 4:  # beyond Latin's last extension
        raise AssistantTrouble(message("assist.not_english"), "otherwise")


def plan_from(
    said: Mapping[str, Any], terms: PlanTerms, seen: PictureDescription | None = None
) -> tuple[AssistPlan, list[Message]]:
    """The plan that an answer makes, held to these terms, and what of it was moved, left out, or cut."""
    notes: list[Message] = []
    change = _change(said.get("change"), terms, notes)
    loras = _named("loras", several(said.get("loras"), _MOST_LORAS, 200), terms.loras, notes)
    presets = _named("preset", several([said.get("preset")], 1, 200), terms.presets, notes)
    triggers = [*terms.triggers, *(word for name in loras for word in terms.loras[name][:1])]
    plan = AssistPlan(
        prompt=_prompt(said, terms, change, seen, triggers, notes),
        negative=_negative(said, terms),
        strength=_strength(said.get("strength"), change, notes) if terms.picture else None,
        steps=_whole(_within("steps", said.get("steps"), terms.num_steps, notes)),
        guidance=_within("guidance", said.get("guidance"), terms.guidance, notes),
        sampler=next(iter(_named("sampler", several([said.get("sampler")], 1, 80), terms.samplers, notes)), None),
        change=change,
        keep=several(said.get("keep"), _MOST_KEPT, _LONGEST_KEPT) if terms.picture else (),
        why=words(said.get("why"), _LONGEST_WHY),
        loras=loras,
        preset=next(iter(presets), None),
    )
    return plan, notes


def unplanned(wish: str, terms: PlanTerms) -> AssistPlan:
    """Where nobody understands it: the wish as it is."""
    return AssistPlan(prompt=wish, strength=STRENGTH if terms.picture else None)


def _change(value: object, terms: PlanTerms, notes: list[Message]) -> KindOfChange:
    if not terms.picture:
        return "whole"
    said = words(value, 40).lower()
    named = _SPELLED.get(said, said)
    for each in CHANGES:
        if each == named:
            return each
    notes.append(message("assist.no_change", value=said))
    return "whole"


def _strength(value: object, change: KindOfChange, notes: list[Message]) -> float:
    """Within its change's band, or in the middle of it."""
    low, high = STRENGTHS[change]
    return STRENGTH if change == "whole" and value is None else (
        _within("strength", value, (low, high), notes) or round((low + high) / 2, 3)
    )  # fmt: skip


def _within(field: str, value: object, span: tuple[float, float], notes: list[Message]) -> float | None:
    """The number, moved to the nearest that makes sense; None for what is none."""
    number = _number(value)
    if number is None:
        if value not in (None, ""):
            notes.append(message("assist.left_out", _FIELDS[field], value=words(value, 40)))
        return None
    nearest = min(max(number, span[0]), span[1])
    if nearest != number:
        notes.append(message("assist.moved", _FIELDS[field], value=number, used=nearest))
    return nearest


_FIELDS = {"steps": "num_steps", "guidance": "guidance", "strength": "strength", "sampler": "sampler",
           "preset": "preset", "loras": "loras"}  # fmt: skip
"""What requests call what a plan says."""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value[:40].strip().rstrip("%") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    if isinstance(value, str) and value.strip().endswith("%"):
        number /= 100
    return round(number, 3) if math.isfinite(number) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _named(
    field: str, said: Sequence[str], there: Mapping[str, Any] | Sequence[str], notes: list[Message]
) -> tuple[str, ...]:  # fmt: skip
    """Those that are there, as they are called there."""
    known = {name.lower(): name for name in there}
    found = tuple(dict.fromkeys(known[name.lower()] for name in said if name.lower() in known))
    if (strange := [name for name in said if name.lower() not in known]) and there:
        notes.append(message("assist.left_out", _FIELDS[field], value=strange[0][:40]))
    return found


def _negative(said: Mapping[str, Any], terms: PlanTerms) -> str:
    return plain(words(said.get("negative"), _LONGEST_PART)) if terms.negates else ""


def _prompt_said(said: Mapping[str, Any]) -> str:
    prompt = said.get("prompt")
    if isinstance(prompt, Mapping):
        return " ".join(words(prompt.get(name), _LONGEST_PART) for name in PARTS).strip()
    return words(prompt, _LONGEST_PROMPT)


def _prompt(
    said: Mapping[str, Any], terms: PlanTerms, change: KindOfChange, seen: PictureDescription | None,
    triggers: Sequence[str], notes: list[Message],
) -> str:  # fmt: skip
    """In the family's own habit, with the words that have to be there, and no longer than its encoder reads."""
    prompt = said.get("prompt")
    if isinstance(prompt, Mapping):
        parts = {name: plain(words(prompt.get(name), _LONGEST_PART)) for name in PARTS}
        filled = {name: text or _as_before(name, change, seen) for name, text in parts.items()}
        text = _joined([each for each in filled.values() if each], terms.habit)
    else:
        text = plain(words(prompt, _LONGEST_PROMPT))
    lacking = [word for word in dict.fromkeys(triggers) if word.lower() not in text.lower()]
    text = ", ".join([*lacking, text])
    if not terms.tokens or tokens_in(text) <= terms.tokens:
        return text
    notes.append(message("assist.shortened", "prompt", most=terms.tokens))
    return _shortened(text, terms.tokens)


def _as_before(part: str, change: KindOfChange, seen: PictureDescription | None) -> str:
    """What the picture says of a part that nobody named, unless the change is about that."""
    if seen is None or change == "whole" or part in _OF_CHANGE.get(change, ()):
        return ""
    layout = (seen.composition.shot and f"{seen.composition.shot} shot", seen.composition.layout)
    before = {
        "style": seen.style, "light": seen.lighting, "colours": ", ".join(seen.palette),
        "composition": ", ".join(filter(None, layout)),
    }  # fmt: skip
    return plain(before.get(part, ""))


def _joined(parts: Sequence[str], habit: PromptHabit) -> str:
    if habit.form == "tags":
        return ", ".join(part.strip(" .,;") for part in parts)
    return " ".join(f"{part[0].upper()}{part[1:].rstrip(' .,;')}." for part in parts)


def _shortened(text: str, most: int) -> str:
    """As many of its phrases as fit, and of the first one as many words."""
    phrases = re.split(r"(?<=[,.;])\s+", text)
    while len(phrases) > 1 and tokens_in(" ".join(phrases)) > most:
        phrases.pop()
    kept = " ".join(phrases).split(" ")
    while len(kept) > 1 and tokens_in(" ".join(kept)) > most:
        kept.pop()
    return " ".join(kept).rstrip(" ,;")


def tokens_in(text: str) -> int:
    """About how many tokens CLIP's vocabulary makes of it, rather too many than too few: a common word is one."""
    return sum(1 + (len(piece) - 1) // 9 for piece in _PIECE.findall(text))
