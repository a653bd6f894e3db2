"""Multipart bodies → the same fields that JSON has. Brackets are unfolded, texts become what their fields are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import inspect

from ...asking.checking import half_character, shown
from ...asking.json_body import read_json
from ...asking.request import GenerateRequest
from ...messages import message
from ...words.errors import BadRequest
from ..http.forms import parts_from
from .fields import PICTURES, SPELLINGS, Fields

_NAME = re.compile(r"([^\[\]]{1,100})((?:\[[^\[\]]{0,40}\]){0,3})")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_TRUTH = {"true": True, "false": False}


class FormPart(NamedTuple):
    """One field of a form; a file's `value` is bytes."""

    name: str
    value: str | bytes


def fields_from_form(body: bytes, content_type: str) -> dict[str, Any]:
    """What a form says. Raises BadRequest."""
    fields: dict[str, Any] = {}
    for part in parts_from(body, content_type):
        _put(fields, FormPart(part.name, _text(part.data, part.name) if part.filename is None else part.data))
    return {name: _typed(value, _declared(name), name) for name, value in fields.items()}


def _text(data: bytes, name: str) -> str | bytes:
    """A part without a file's name: text, but some clients send pictures so."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if _NAME.fullmatch(name) and _field(name.partition("[")[0]) in PICTURES:
            return data
        raise BadRequest(message("form.not_utf8", name[:100], name=shown(name)).called(name[:100])) from error


def _put(fields: dict[str, Any], part: FormPart) -> None:
    """Adds a part: `a[]` and `a[0]` make a list, `a[b]` an object, a picture's plain name said twice a list too."""
    if half := half_character(part.name):
        raise BadRequest(message("text.half_name", half=half))
    matched = _NAME.fullmatch(part.name)
    if matched is None:
        raise BadRequest(message("form.name", name=shown(part.name)))
    name, keys = matched[1], re.findall(r"\[([^\[\]]*)\]", matched[2])
    if isinstance(part.value, bytes) and _field(name) not in PICTURES and _declared(name) is not None:
        raise BadRequest(message("form.file", name).called(name))
    if not keys and _field(name) in PICTURES and name in fields:
        keys, fields[name] = [""], fields[name] if isinstance(fields[name], list) else [fields[name]]
    if keys and (keys[0] == "" or keys[0].isdecimal()):
        several = fields.setdefault(name, [])
        if not isinstance(several, list):
            raise BadRequest(message("form.one_and_several", name).called(name))
        _add(several, keys, part.value)
    elif keys:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict) or keys[0] in inner:
            raise BadRequest(message("form.twice", name).called(name))
        inner[keys[0]] = part.value
    elif name in fields and fields[name] != part.value:
        raise BadRequest(message("form.twice", name[:100]).called(name[:100]))
    else:
        fields[name] = part.value


def _add(several: list[Any], keys: list[str], value: str | bytes) -> None:
    """One more of a list, or more of its last object: `a[0][b]`, then `a[0][c]`."""
    last = several[-1] if several else None
    if len(keys) == 1:
        several.append(value)
    elif isinstance(last, dict) and keys[0] == str(len(several) - 1) and keys[1] not in last:
        last[keys[1]] = value
    else:
        several.append({keys[1]: value})


def _field(name: str) -> str:
    return SPELLINGS.get(name, name)


def _declared(name: str) -> inspect.Type | None:
    """The type of a field, ours or this dialect's; None of one that is unknown."""
    for kind in (Fields, GenerateRequest):
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        for field in info.fields:
            if field.encode_name == _field(name):
                return field.type
    return None


def _typed(value: Any, declared: inspect.Type | None, name: str) -> Any:
    """A form's text as the number or the truth value that its field is; nothing said where it is empty."""
    options = _options(declared)
    if isinstance(value, dict):
        inner, others = _within(options)
        return {key: _typed(part, inner.get(key, others), name) for key, part in value.items()}
    if isinstance(value, list):
        items = next((each.item_type for each in options if isinstance(each, inspect.VarTupleType)), None)
        return value if items is None else [_typed(part, items, name) for part in value]
    kinds = {type(each) for each in options}
    if isinstance(value, str) and kinds >= {inspect.BoolType, inspect.LiteralType}:  # yes, no, or one of some words
        return _TRUTH.get(value.lower(), value or None)
    if not isinstance(value, str) or not kinds or kinds & {inspect.StrType, inspect.LiteralType, inspect.AnyType}:
        return value
    if value == "":
        return None
    if value[0] in "[{" and any(isinstance(each, inspect.VarTupleType) for each in options):
        return _from_json(value)
    if inspect.BoolType in kinds:
        return _TRUTH.get(value.lower(), value)
    if number := _NUMBER.fullmatch(value):
        return float(value) if number[1] else int(value)
    return value


def _within(options: Iterable[inspect.Type]) -> tuple[dict[str, inspect.Type], inspect.Type | None]:
    """The types of an object's fields by their names, and of all others where it may have any."""
    struct = next((each for each in options if isinstance(each, inspect.StructType)), None)
    table = next((each for each in options if isinstance(each, inspect.DictType)), None)
    inner = {field.encode_name: field.type for field in struct.fields} if struct else {}
    return inner, None if table is None else table.value_type


def _from_json(text: str) -> Any:
    """A list or an object as forms may say it whole; the text where it is none, which the field then refuses."""
    try:
        return read_json(f'{{"value": {text}}}'.encode())["value"]
    except BadRequest:
        return text


def _options(declared: inspect.Type | None) -> list[inspect.Type]:
    """What a field can be."""
    if isinstance(declared, inspect.Metadata):
        return _options(declared.type)
    if isinstance(declared, inspect.UnionType):
        return [option for each in declared.types for option in _options(each)]
    return [] if declared is None else [declared]
