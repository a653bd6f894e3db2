"""Multipart bodies → the same fields that JSON has. Brackets are unfolded, texts become what their fields are."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import inspect
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ...asking.checking import half_character, shown
from ...asking.json_body import read_json
from ...asking.request import GenerateRequest
from ...messages import message
from ...words.errors import BadRequest
from .fields import PICTURES, SPELLINGS, Fields

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what a client writes wrongly is answered, not logged
MAX_PARTS = 256
_NAME = re.compile(r"([^\[\]]{1,100})((?:\[[^\[\]]{0,40}\]){0,3})")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_PLAIN = ("binary", "8bit", "7bit")
_TRUTH = {"true": True, "false": False}


class FormPart(NamedTuple):
    """One field of a form; a file's `value` is bytes."""

    name: str
    value: str | bytes


def fields_from_form(body: bytes, content_type: str) -> dict[str, Any]:
    """What a form says. Raises BadRequest."""
    fields: dict[str, Any] = {}
    for part in _parts(body, content_type):
        _put(fields, part)
    return {name: _typed(value, _declared(name), name) for name, value in fields.items()}


def _parts(body: bytes, content_type: str) -> Iterator[FormPart]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequest(message("form.boundary"))
    reader = _FormReader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(message("form.broken", why=str(error))) from error
    if not reader.ended:
        raise BadRequest(message("form.cut"))
    for headers, data in reader.parts:
        _check_plain(headers)
        options = parse_options_header(headers.get(b"content-disposition", b""))[1]
        name = options.get(b"name", b"").decode("utf-8", "replace")
        yield FormPart(name, data if b"filename" in options else _text(data, name))


def _check_plain(headers: dict[bytes, bytes]) -> None:
    """Parts come as they are: what is packed again would be taken for something else."""
    for header, plain in ((b"content-encoding", ("identity",)), (b"content-transfer-encoding", _PLAIN)):
        value = headers.get(header, plain[0].encode()).decode("latin-1").strip().lower()
        if value not in plain:
            raise BadRequest(message("form.packed", header=header.decode(), how=shown(value)))


class _FormReader:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.parts: list[tuple[dict[bytes, bytes], bytes]] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._data = bytearray()

    def callbacks(self) -> Any:
        """What the parser calls, by its names."""
        return {
            "on_part_begin": self._begin, "on_part_data": _into(lambda: self._data), "on_part_end": self._end_part,
            "on_header_field": _into(lambda: self._name), "on_header_value": _into(lambda: self._value),
            "on_header_end": self._end_header, "on_end": self._end,
        }  # fmt: skip

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise BadRequest(message("form.parts", most=MAX_PARTS))
        self._headers, self._data = {}, bytearray()

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _end_part(self) -> None:
        self.parts.append((self._headers, bytes(self._data)))
        self._data = bytearray()

    def _end(self) -> None:
        self.ended = True


def _into(target: Callable[[], bytearray]) -> Callable[[bytes, int, int], None]:
    return lambda data, start, end: target().extend(data[start:end])


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
