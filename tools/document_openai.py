"""The tables of `docs/openai.md`, made from the dialect's own declarations."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from imagine.asking.checking import allowed
from imagine.messages import in_english
from imagine.server.http.errors import STATUSES, Trouble
from imagine.server.openai.errors import error_from, kind_of
from imagine.server.openai.fields import NAMED, OWN, PICTURES, SPELLINGS, Fields
from imagine.server.openai.responses_requests import ResponsesFields
from imagine.server.openai.tables import ENLARGED, QUALITIES, STYLES
from imagine.words import errors
from imagine.words.moderation import ModerationVerdict

Rows = list[list[str]]


def fields() -> tuple[Sequence[str], Rows]:
    """OpenAI's own parameters."""
    info = msgspec.inspect.type_info(Fields)
    assert isinstance(info, msgspec.inspect.StructType)
    declared = msgspec.json.schema(Fields)["$defs"]["Fields"]["properties"]
    rows = [
        [
            f"`{field.encode_name}`",
            "pictures" if field.encode_name in PICTURES else str(allowed(field.type)),
            declared[field.encode_name].get("description", ""),
        ]
        for field in info.fields
    ]
    return ["field", "what it can be", "what it means here"], rows


def responses() -> tuple[Sequence[str], Rows]:
    """What of a request to Responses has an effect."""
    info = msgspec.inspect.type_info(ResponsesFields)
    assert isinstance(info, msgspec.inspect.StructType)
    declared = msgspec.json.schema(ResponsesFields)["$defs"]["ResponsesFields"]["properties"]
    rows = [
        [f"`{field.encode_name}`", str(allowed(field.type)), declared[field.encode_name]["description"]]
        for field in info.fields
    ]
    return ["field", "what it can be", "what it means here"], rows


def extensions() -> tuple[Sequence[str], Rows]:
    """Our fields, by the names that this dialect's users know."""
    other: dict[str, list[str]] = {}
    for name, field in SPELLINGS.items():
        other.setdefault(field, []).append(f"`{name}`")
    ours = [field for field in NAMED if field not in OWN]
    rows = [[f"`{field}`", ", ".join(other.get(field, []))] for field in [*ours, "sampler", "strength"]]
    return ["our field", "also as"], rows


def qualities() -> tuple[Sequence[str], Rows]:
    """What each quality asks for."""
    least, most = ENLARGED
    twice = f"yes, where the size is {least:g} to {most:g} times the model's own"
    rows = [
        [f"`{name}`", f"{quality.steps:g} ×", twice if quality.second_pass else "no", f"`{quality.name}`"]
        for name, quality in QUALITIES.items()
    ]
    return ["quality", "steps, of the model's or preset's usual", "second pass at full size", "in the reply"], rows


def styles() -> tuple[Sequence[str], Rows]:
    """The preset that each style is."""
    return ["style", "preset"], [[f"`{style}`", f"`{preset}`"] for style, preset in STYLES.items()]


def refusals() -> tuple[Sequence[str], Rows]:
    """How each of our errors is told."""
    rows = []
    for error in STATUSES:
        example = _example(error)
        trouble = Trouble(STATUSES[error], example.note, error=example)
        kind, said = kind_of(trouble), error_from(trouble)
        rows.append(
            [error.__name__, str(kind.status), f"`{said['type']}`", f"`{said['code']}`" if said["code"] else ""]
        )
    rows.append(["a missing or wrong key", "401", "`invalid_request_error`", "`invalid_api_key`"])
    return ["error", "status", "type", "code"], sorted(rows, key=lambda row: (row[1], row[0]))


def _example(kind: type[errors.ImagineError]) -> errors.ImagineError:
    if issubclass(kind, errors.Busy):
        return kind(in_english(""), retry_after=1)
    if kind is errors.Blocked:
        return errors.Blocked(in_english(""), ModerationVerdict(action="block", categories={}, stage="prompt", rule=""))
    return errors.ModelNotFound("") if kind is errors.ModelNotFound else kind(in_english("", "field"))
