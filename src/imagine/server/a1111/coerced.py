"""Values as that program's own reader (pydantic) takes them: a number in text is a number, 0 and 1 are yes and no."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ...asking.request import GenerateRequest
from .fields import NAMES, WebUIFields, WebUIOptions

_NUMBER = re.compile(r"\s*-?[0-9]{1,20}(\.[0-9]{1,20})?\s*", re.ASCII)
_YES_OR_NO = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False, "yes": True, "no": False}


def _types_within(kind: msgspec.inspect.Type) -> set[type]:
    """What a value can be, as far as that is a number, a text or a yes."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return _types_within(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return set[type]().union(*map(_types_within, kind.types))
    plain: dict[type, type] = {
        msgspec.inspect.IntType: int, msgspec.inspect.FloatType: float, msgspec.inspect.BoolType: bool,
        msgspec.inspect.StrType: str,
    }  # fmt: skip
    return {plain[type(kind)]} if type(kind) in plain else set()


def _types() -> dict[str, set[type]]:
    """Of each field, under the names of both."""
    found: dict[str, set[type]] = {}
    for struct in (GenerateRequest, WebUIFields, WebUIOptions):
        info = msgspec.inspect.type_info(struct)
        assert isinstance(info, msgspec.inspect.StructType)
        found |= {field.encode_name: _types_within(field.type) for field in info.fields}
    return found | {name: found[ours] for name, ours in NAMES.items() if ours in found and name not in found}


_TYPES = _types()


def coerced(body: Mapping[str, object]) -> dict[str, object]:
    """The body, where that reader takes a value for another; what can't be one stays, to be refused."""
    return {name: _coerced(value, _TYPES.get(name, set())) for name, value in body.items()}


def _coerced(value: object, kinds: set[type]) -> object:
    if isinstance(value, str) and str not in kinds:
        if bool in kinds and value.strip().lower() in _YES_OR_NO:
            return _YES_OR_NO[value.strip().lower()]
        if kinds & {int, float} and _NUMBER.fullmatch(value):
            return float(value) if "." in value else int(value)
    if kinds == {bool} and value in (0, 1):
        return bool(value)
    if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
        return int(value)
    return value
