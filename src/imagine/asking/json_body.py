"""Read the JSON of an untrusted body: one object, no tricks, and a clear refusal for each of them.

Python's own reader takes NaN, half characters, a key said twice and any depth; msgspec's loses the first of two equal
keys. What is read here is plain: finite numbers, whole Unicode, every key once.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

from ..messages import message
from ..words.errors import BadRequest
from .checking import half_character, shown, value_of

MAX_DEPTH = 16
MAX_PARTS = 100_000
"""Values in a body, and the commas in its texts. A hostile one could hold one in three bytes, at 64 bytes of memory."""
MAX_DIGITS = 20
"""Of a whole number: 2^64 − 1, the largest seed, has 20."""
_MAX_FRACTION = 1_000
_BOM = b"\xef\xbb\xbf"


def read_json(data: bytes) -> dict[str, Any]:
    """The object in `data`; whole numbers are exact.

    Raises BadRequest for what is no JSON object in UTF-8, is nested beyond `MAX_DEPTH`, holds more than `MAX_PARTS`
    values, NaN, an infinity, a whole number beyond `MAX_DIGITS` digits, a key twice in one object, or half a
    character. `field` is named where it is known.
    """
    if not data or data.isspace():
        raise BadRequest(message("json.empty"))
    if sum(data.count(mark) for mark in (b",", b"[", b"{")) > MAX_PARTS:
        raise BadRequest(message("json.parts", most=MAX_PARTS))
    try:
        value = _DECODER.decode(data.removeprefix(_BOM).decode())
    except UnicodeDecodeError as error:
        raise BadRequest(message("json.not_utf8", at=error.start)) from error
    except json.JSONDecodeError as error:
        raise BadRequest(message("json.broken", why=_WHY.get(error.msg, _NO_JSON), at=error.pos)) from error
    except RecursionError as error:
        raise BadRequest(_TOO_DEEP) from error
    if not isinstance(value, dict):
        raise BadRequest(message("json.no_object", value=value_of(value)))
    for name, part in value.items():
        if half := half_character(name):
            raise BadRequest(message("text.half_name", half=half))
        _check(part, name, MAX_DEPTH - 1)
    return value


_TOO_DEEP = message("json.deep", most=MAX_DEPTH)
_NO_JSON = message("json.why.other")
_BAD_ESCAPE, _TRAILING = message("json.why.escape"), message("json.why.trailing")
_WHY = {
    "Expecting value": message("json.why.value"),
    "Expecting property name enclosed in double quotes": message("json.why.name"),
    "Expecting ':' delimiter": message("json.why.mark", mark=":"),
    "Expecting ',' delimiter": message("json.why.mark", mark=","),
    "Extra data": message("json.why.extra"),
    "Unterminated string starting at": message("json.why.open"),
    "Invalid control character at": message("json.why.control"),
    "Invalid \\escape": _BAD_ESCAPE,
    "Invalid \\escape: ": _BAD_ESCAPE,
    "Invalid \\uXXXX escape": _BAD_ESCAPE,
    "Illegal trailing comma before end of object": _TRAILING,
    "Illegal trailing comma before end of array": _TRAILING,
}
"""What Python's reader says of broken JSON, in sentences that have a translation."""


def _check(value: object, field: str, depth: int) -> None:
    """Texts are whole and nothing is too deep, in all that the body holds under `field`."""
    if isinstance(value, str):
        if half := half_character(value):
            raise BadRequest(message("text.half", field, half=half).called(field))
    elif isinstance(value, dict | list):
        if not depth:
            raise BadRequest(_TOO_DEEP.about(field).called(field))
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(part, field, depth - 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise BadRequest(message("json.twice", twice[:100], name=shown(twice)).called(twice[:100]))
    return members


def _whole(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_DIGITS:
        raise BadRequest(message("json.digits", count=len(digits), most=MAX_DIGITS))
    return int(digits)


def _fraction(text: str) -> float:
    if len(text) > _MAX_FRACTION or math.isinf(number := float(text)):
        raise BadRequest(message("json.number", text=text[:20]))
    return number


def _constant(name: str) -> NoReturn:
    raise BadRequest(message("json.constant", name=name))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)
