"""Check untrusted values against a declared Struct, and refuse in one sentence: the field, the value, what is allowed.

What is allowed is said in words made from the declaration itself, so that no text about it can go stale. A type may
say it better by `Meta(extra={"allowed": message(…)})`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from ..messages import Message, Note, message
from ..words.errors import BadRequest, Reason

T = TypeVar("T", bound=msgspec.Struct)

_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_SHOWN = 40
_REASONS: list[tuple[re.Pattern[str], Reason]] = [
    (re.compile(", got `"), "type"),
    (re.compile("length <="), "too long"),
    (re.compile("length >="), "value"),
    (re.compile(" <=? "), "too large"),
    (re.compile(" >=? "), "too small"),
]
"""What msgspec's sentences say, by their marks; the first that is there decides."""


def checked(
    values: Mapping[str, object], kind: type[T], *, spelled: Mapping[str, str] | None = None
) -> tuple[T, list[str]]:
    """`values` as a `kind`, and the names in it that `kind` doesn't have.

    None means not said, in nested objects too, and a number such as 25.0 is whole. Nothing else is converted: not text
    to a number, not a bool to one. `spelled` maps a field to the name that the user knows it by.
    Raises BadRequest on the field (on `field.part` inside one) that can't be used.
    """
    unknown: list[str] = []
    struct = _type_info(kind)
    plain = _prepared(values, struct, "", unknown)
    try:
        return msgspec.convert(plain, kind), unknown
    except msgspec.ValidationError as error:
        _refuse(str(error), values, struct, spelled or {}, error)


def refusal(name: str, value: object, allowed: Note, reason: Reason = "value") -> BadRequest:
    """The error that says that `name` can't be `value`, and what it can be."""
    return BadRequest(message("value.refused", name, value=note_of(value), allowed=allowed), reason=reason)


def check_text(text: str, name: str) -> None:
    """Raises BadRequest on `name` for half a character: a lone surrogate, which no file and no frame can carry."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        raise BadRequest(message("text.half", name, half=half)) from error


def shown(value: object) -> str:
    """`value` as a sentence can hold it: short, on one line, under the names that JSON has."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}… ({len(value)} characters)"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:
        return f"a number of more than {_SHOWN} digits"
    if isinstance(value, int | float):
        return str(value)
    return "an object" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else repr(value)


def note_of(value: object) -> Note:
    """As `shown`, in words that have a language."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_SHOWN:
        return message("value.long_number", digits=_SHOWN)
    if isinstance(value, str) and len(value) > _SHOWN:
        return message("value.long_text", text=f"{value[:_SHOWN]!r}", count=len(value))
    if isinstance(value, Mapping):
        return message("value.object")
    return message("value.list") if isinstance(value, list | tuple) else shown(value)


@lru_cache
def _type_info(kind: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info


def _prepared(
    values: Mapping[str, object], struct: inspect.StructType, path: str, unknown: list[str]
) -> dict[str, Any]:
    """What is said and known; numbers whole where they can be, since JSON's 25.0 and 25 are one number."""
    fields = {field.encode_name: field.type for field in struct.fields}
    unknown += [path + name for name in values if name not in fields]
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or name not in fields:
            continue
        if isinstance(value, str):
            check_text(value, path + name)
        inner = _struct_in(fields[name])
        if inner is not None and isinstance(value, Mapping):
            value = _prepared(value, inner, f"{path}{name}.", unknown)
        plain[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return plain


def _refuse(
    text: str, values: Mapping[str, object], struct: inspect.StructType, spelled: Mapping[str, str], cause: Exception
) -> NoReturn:
    """Say in our words what msgspec said in its own."""
    at, missing = _AT.search(text), _MISSING.search(text)
    path = at[1].split(".") if at and at[1] else []
    if missing:
        path.append(missing[1])
    assert path, f"msgspec names no field: {text}"
    value: Any = values
    declared: inspect.Type = struct
    for name in path:
        inner = _struct_in(declared)
        assert inner is not None, f"msgspec names a field of no object: {text}"
        declared = next(field.type for field in inner.fields if field.encode_name == name)
        value = value.get(name)
    written = ".".join([spelled.get(path[0], path[0]), *path[1:]])
    if missing:
        said_missing = message("value.missing", written, allowed=allowed(declared))
        raise BadRequest(said_missing, reason="missing") from cause
    reason: Reason = next((reason for mark, reason in _REASONS if mark.search(text)), "value")
    raise refusal(written, value, allowed(declared), reason) from cause


def _struct_in(declared: inspect.Type) -> inspect.StructType | None:
    """The object that a value of this type may be."""
    if isinstance(declared, inspect.Metadata):
        return _struct_in(declared.type)
    if isinstance(declared, inspect.UnionType):
        return next((struct for part in declared.types if (struct := _struct_in(part))), None)
    return declared if isinstance(declared, inspect.StructType) else None


def allowed(declared: inspect.Type) -> Note:
    """What a value of this type can be, in words that fit behind "must be"."""
    match declared:
        case inspect.Metadata():
            own = (declared.extra or {}).get("allowed")
            return own if isinstance(own, str | Message) else allowed(declared.type)
        case inspect.UnionType():
            parts = [allowed(part) for part in declared.types if not isinstance(part, inspect.NoneType)]
            return reduce(lambda one, other: message("allowed.or", one=one, other=other), parts)
        case inspect.IntType() | inspect.FloatType():
            return _number_allowed(declared)
        case inspect.BoolType():
            return message("allowed.bool")
        case inspect.StrType():
            return _text_allowed(declared)
        case inspect.LiteralType():
            return message("allowed.one_of", values=", ".join(str(value) for value in declared.values))
        case inspect.StructType():
            return message("allowed.object", fields=", ".join(field.encode_name for field in declared.fields))
    raise TypeError(f"nothing is known to say of {declared}")


def _text_allowed(text: inspect.StrType) -> Note:
    if text.max_length is None:
        return message("allowed.text")
    if text.min_length:
        return message("allowed.text_between", least=text.min_length, most=text.max_length)
    return message("allowed.text_up_to", most=text.max_length)


def _number_allowed(number: inspect.IntType | inspect.FloatType) -> Note:
    kind = message("allowed.whole") if isinstance(number, inspect.IntType) else message("allowed.number")
    if number.ge is not None and number.le is not None:
        return message("allowed.between", kind=kind, least=f"{number.ge:g}", most=f"{number.le:g}")
    return kind if number.ge is None else message("allowed.at_least", kind=kind, least=f"{number.ge:g}")
