"""What another machine says of itself, and in words, as far as it is believed: bounded, finite, and nothing that does
more to a terminal or a log than to be read there."""

from __future__ import annotations

import math

import msgspec

from ..messages import Message, Value, message
from ..words.frames import Ready, ResidentModel, Stats
from .parting import Lie

LONGEST, LONGEST_NAME = 2000, 100
"""Characters of what is told, and of what it is called."""
_MOST_VALUES, _DEEPEST = 32, 3
_MOST_MODELS, _LONGEST_IDENTITY = 256, 2**14
_MOST_ENVIRONMENT = 2**14
_SHORTENED = "value.long_text"


def plain(text: str, most: int = LONGEST) -> str:
    """The text as one line without anything that steers a terminal, or has what follows read the other way round."""
    text = text[:most]
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)


def finite(number: float) -> float:
    """A duration, or none at all."""
    return number if math.isfinite(number) and number > 0 else 0.0


def within(number: float) -> float:
    """A share, 0…1."""
    return min(1.0, finite(number))


def note_of(note: Message, depth: int = _DEEPEST) -> Message:
    """A message that came from elsewhere, as far as it can be told. Raises Lie for one that can't."""
    if not depth or len(note.code) > LONGEST_NAME or not note.code.isprintable() or len(note.values) > _MOST_VALUES:
        raise Lie(message("lie.words"))
    if note.code == _SHORTENED and not isinstance(note.values.get("text"), str):
        raise Lie(message("lie.words"))
    values = {plain(name, LONGEST_NAME): _value_of(value, depth) for name, value in note.values.items()}
    field = None if note.field is None else plain(note.field, LONGEST_NAME)
    return Message(note.code, field, values)


def is_plain(environment: object) -> bool:
    """Is it an object of no more than anybody is shown?"""
    try:
        return isinstance(environment, dict) and len(msgspec.json.encode(environment)) <= _MOST_ENVIRONMENT
    except (TypeError, ValueError, OverflowError, RecursionError):  # of what JSON has no word for, or nests too deep
        return False


def ready_of(told: Ready) -> Ready:
    """What a device says that it is. Raises Lie for what none is."""
    room = told.room
    numbers = () if room is None else (room.memory, room.left, room.width, room.others)
    if not is_plain(told.environment) or any(number < 0 for number in numbers):
        raise Lie(message("lie.devices"))
    device, name = plain(told.device, LONGEST_NAME), plain(told.name, LONGEST_NAME)
    return msgspec.structs.replace(told, device=device, name=name)


def stats_of(told: Stats) -> Stats:
    """What a machine says that it holds. Raises Lie for what is too much to be true."""
    if len(told.models) > _MOST_MODELS or min(told.jobs, told.steps) < 0:
        raise Lie(message("lie.event"))
    return msgspec.structs.replace(told, models=[_resident(each) for each in told.models])


def _resident(model: ResidentModel) -> ResidentModel:
    if model.size < 0 or len(model.identity) > _LONGEST_IDENTITY:
        raise Lie(message("lie.event"))
    name, digest, dtype, way = (
        plain(text, LONGEST_NAME) for text in (model.name, model.digest, model.dtype, model.way)
    )
    expires = None if model.expires_in is None else finite(model.expires_in)
    return msgspec.structs.replace(model, name=name, digest=digest, dtype=dtype, way=way, expires_in=expires)


def _value_of(value: Value, depth: int) -> Value:
    match value:
        case Message():
            return note_of(value, depth - 1)
        case str():
            return plain(value)
        case float() if not math.isfinite(value):
            raise Lie(message("lie.words"))
    return value
