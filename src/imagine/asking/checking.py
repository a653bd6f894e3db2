"""Check untrusted values against a declared Struct, and refuse in one sentence: the field, the value, what is allowed.

What is allowed is said in words made from the declaration itself, so that no text about it can go stale. A type may
say it better by `Meta(extra={"allowed": message(…)})`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from ..messages import Message, Value, in_english, message
from ..words.errors import BadRequest, Reason

T = TypeVar("T", bound=msgspec.Struct)

_SHOWN = 40


def checked(
    values: Mapping[str, object], kind: type[T], *, spelled: Mapping[str, str] | None = None
) -> tuple[T, list[str]]:
    """`values` as a `kind`, and the names in it that `kind` doesn't have.

    None means not said, in nested objects too, also those in lists, and a number such as 25.0 is whole. Nothing else is
    converted: not text to a number, not a bool to one. `spelled` maps a field to the name that the user said it by.
    Raises BadRequest on the field (on `field.part` inside one) that can't be used.
    """
    unknown: list[str] = []
    plain = _prepared(values, _type_info(kind), "", spelled or {}, unknown)
    try:
        return msgspec.convert(plain, kind), unknown
    except msgspec.ValidationError as error:
        _refuse(plain, values, kind, "", spelled or {}, error)


def refusal(name: str, value: object, allowed: Message, reason: Reason = "value") -> BadRequest:
    """The error that says that `name` can't be `value`, and what it can be."""
    return BadRequest(message("value.refused", name, value=value_of(value), allowed=allowed), reason=reason)


def half_character(text: str) -> str | None:
    """The first lone surrogate of a text, which no file and no frame can carry, by its number; None where all is well.

    JSON can say one: it is half a character.
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"U+{ord(text[error.start]):04X}"
    return None


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


def value_of(value: object) -> Value:
    """`value` as a message can hold it: as it is where it is short, else what it is."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else message("value.long_text", text=value[:_SHOWN], count=len(value))
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:
        return message("value.long_number", digits=_SHOWN)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return message("value.object_of", count=len(value)) if len(value) > 1 else message("value.object")
    if isinstance(value, list | tuple) and len(value) > 1:
        return message("value.list_of", count=len(value))
    if isinstance(value, list | tuple):
        return message("value.list") if value else message("value.list_empty")
    return message("value.nothing") if value is None else in_english(repr(value)[:_SHOWN])


@lru_cache
def _type_info(kind: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info


def _prepared(
    values: Mapping[str, object], struct: inspect.StructType, path: str, spelled: Mapping[str, str], unknown: list[str]
) -> dict[str, Any]:
    """What is values and known; numbers whole where they can be, since JSON's 25.0 and 25 are one number."""
    fields = {field.encode_name: field.type for field in struct.fields}
    unknown += [path + name for name in values if name not in fields]
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or name not in fields:
            continue
        if isinstance(value, str) and (half := half_character(value)):
            raise BadRequest(_named(message("text.half", path + name, half=half), spelled))
        plain[name] = _plain(value, fields[name], path + name, spelled, unknown)
    return plain


def _plain(value: object, declared: inspect.Type, path: str, spelled: Mapping[str, str], unknown: list[str]) -> object:
    """One such value, with what is in it."""
    inner, items = _struct_in(declared), _items_in(declared)
    if inner is not None and isinstance(value, Mapping):
        return _prepared(value, inner, f"{path}.", spelled, unknown)
    if items is not None and isinstance(value, list | tuple):
        return [_plain(each, items, f"{path}.{place}", spelled, unknown) for place, each in enumerate(value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refuse(
    plain: Mapping[str, Any],
    values: Mapping[str, Any],
    kind: type[msgspec.Struct],
    path: str,
    spelled: Mapping[str, str],
    cause: Exception,
) -> NoReturn:
    """Says of the first field that can't be used what is wrong with it. One of them can't: msgspec found it."""
    declared = {field.encode_name: field.type for field in _type_info(kind).fields}
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name not in plain and field.required:
            missing = message("value.missing", path + name, allowed=allowed(declared[name]))
            raise BadRequest(_named(missing, spelled), reason="missing") from cause
        if name not in plain or _fits(plain[name], field.type):
            continue
        _refuse_value(plain[name], values[name], field.type, declared[name], path + name, spelled, cause)
    raise AssertionError(f"every field of {kind.__name__} fits, and yet: {cause}")


def _refuse_value(
    plain: Any, value: Any, kind: Any, declared: inspect.Type, path: str, spelled: Mapping[str, str], cause: Exception
) -> NoReturn:
    """Says what is wrong with a value; of a list or a table, with the first part that doesn't fit even by itself."""
    if (inner := _struct_in(declared)) is not None and isinstance(plain, Mapping):
        _refuse(plain, value, inner.cls, f"{path}.", spelled, cause)
    items, values = _items_in(declared), _values_in(declared)
    if items is not None and isinstance(plain, list):
        for place, part in enumerate(plain):
            if not _fits([part], kind):
                _refuse_value(part, value[place], object, items, f"{path}.{place}", spelled, cause)
    elif values is not None and isinstance(plain, Mapping):
        for name, part in plain.items():
            if not _fits({"name": part}, kind):
                _refuse_value(part, value[name], object, values, f"{path}.{name[:_SHOWN]}", spelled, cause)
    error = refusal(path, value, allowed(declared), _reason(plain, declared))
    raise BadRequest(_named(error.note, spelled), reason=error.reason) from cause


def _fits(value: object, declared: Any) -> bool:
    try:
        msgspec.convert(value, declared)
    except msgspec.ValidationError:
        return False
    return True


def _named(note: Message, spelled: Mapping[str, str]) -> Message:
    """With the name that the user values the field by, where that is known."""
    assert note.field is not None, "it is about a field"
    head, dot, part = note.field.partition(".")
    return note.called(spelled[head] + dot + part) if head in spelled else note


def _reason(value: object, declared: inspect.Type) -> Reason:
    """What is wrong with a value that doesn't fit: its type, where nothing of its type would."""
    match declared:
        case inspect.Metadata():
            return _reason(value, declared.type)
        case inspect.UnionType():
            reasons = [_reason(value, part) for part in declared.types]
            return next((reason for reason in reasons if reason != "type"), "type")
        case inspect.IntType() | inspect.FloatType() if isinstance(value, int | float) and not isinstance(value, bool):
            if declared.ge is not None and value < declared.ge:
                return "too small"
            return "too large" if declared.le is not None and value > declared.le else "type"
        case inspect.StrType() if isinstance(value, str):
            too_long = declared.max_length is not None and len(value) > declared.max_length
            return "too long" if too_long else "value"
        case inspect.LiteralType() if any(type(value) is type(each) for each in declared.values):
            return "value"
    return "type"


def _struct_in(declared: inspect.Type) -> inspect.StructType | None:
    """The object that a value of this type may be."""
    if isinstance(declared, inspect.Metadata):
        return _struct_in(declared.type)
    if isinstance(declared, inspect.UnionType):
        return next((struct for part in declared.types if (struct := _struct_in(part))), None)
    return declared if isinstance(declared, inspect.StructType) else None


def _items_in(declared: inspect.Type) -> inspect.Type | None:
    """What the parts of a list may be, where a value of this type may be one."""
    match declared:
        case inspect.Metadata():
            return _items_in(declared.type)
        case inspect.UnionType():
            return next((items for part in declared.types if (items := _items_in(part))), None)
        case inspect.VarTupleType() | inspect.ListType():
            return declared.item_type
    return None


def _values_in(declared: inspect.Type) -> inspect.Type | None:
    """What the values of a table may be, where a value of this type may be one with any keys."""
    match declared:
        case inspect.Metadata():
            return _values_in(declared.type)
        case inspect.UnionType():
            return next((values for part in declared.types if (values := _values_in(part))), None)
        case inspect.DictType():
            return declared.value_type
    return None


def allowed(declared: inspect.Type) -> Message:
    """What a value of this type can be, in words that fit behind "must be"."""
    match declared:
        case inspect.Metadata():
            own = (declared.extra or {}).get("allowed")
            return own if isinstance(own, Message) else allowed(declared.type)
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
        case inspect.DictType() | inspect.TupleType() | inspect.VarTupleType() | inspect.ListType():
            return _several_allowed(declared)
    raise TypeError(f"nothing is known to say of {declared}")


def _several_allowed(
    several: inspect.DictType | inspect.TupleType | inspect.VarTupleType | inspect.ListType,
) -> Message:
    if isinstance(several, inspect.TupleType):
        return message("allowed.list", items=allowed(several.item_types[0]))
    if not isinstance(several, inspect.DictType):
        items = allowed(several.item_type)
        if several.max_length is None:
            return message("allowed.list", items=items)
        return message("allowed.list_up_to", most=several.max_length, items=items)
    if several.max_length is None:
        return message("allowed.table", values=allowed(several.value_type))
    return message("allowed.table_up_to", most=several.max_length, values=allowed(several.value_type))


def _text_allowed(text: inspect.StrType) -> Message:
    if text.max_length is None:
        return message("allowed.text")
    if text.min_length:
        return message("allowed.text_between", least=text.min_length, most=text.max_length)
    return message("allowed.text_up_to", most=text.max_length)


def _number_allowed(number: inspect.IntType | inspect.FloatType) -> Message:
    kind = message("allowed.whole") if isinstance(number, inspect.IntType) else message("allowed.number")
    if number.ge is not None and number.le is not None:
        return message("allowed.between", kind=kind, least=f"{number.ge:g}", most=f"{number.le:g}")
    return kind if number.ge is None else message("allowed.at_least", kind=kind, least=f"{number.ge:g}")
