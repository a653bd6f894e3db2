"""One pure function in: what a client of Ollama's `/api/generate` says → a `GenerateRequest`, and how to answer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ...asking.checking import refusal, shown
from ...asking.request import ALIASES, GenerateRequest, parse
from ...messages import Message, Names, message
from ...words.errors import BadRequest
from .answers import NAMED

STRENGTH = 0.7
"""How much of an input picture is painted anew where the client doesn't say it: Ollama's models edited pictures."""
LATEST = ":latest"
"""What clients put behind a name that has no tag."""
OWN_NAMES = {"name": "model", "negative": "neg", "n": "count"}
NAMES = ALIASES | OWN_NAMES | {"preview": "stream", "images": "img"}
"""This dialect's names of our fields. Its `stream` is another thing than ours: whether lines come at all."""
_FIELDS = frozenset(GenerateRequest.__struct_fields__)
_NO_OPTIONS = {"prompt", "model", "name", "img", "images", "mask", "stream", "preview", "progress", "keep_alive"}
_OPTIONS = {*_FIELDS, *NAMES} - _NO_OPTIONS
"""What `options` may say of a picture; Ollama took the seed from there."""
_ZERO_IS_NONE = ("width", "height", "num_steps", "seed")
_WORDS = "template"
"""What text models are told by a field of that name is another thing than our recipes'."""
_NOTHING: tuple[object, ...] = ("", [], {}, False)


class ParsedRequest(NamedTuple):
    """A request in our words, and what is this dialect's alone."""

    request: GenerateRequest
    called: str
    """The model as the client named it, which the answer gives back; "" for none."""
    stream: bool
    warnings: list[Message]
    names: Names
    """What the client calls our fields."""
    filled: tuple[str, ...] = ()
    """What of it the client didn't say."""

    @property
    def loads(self) -> bool:
        """Is the model only to be loaded or, with a `keep_alive` of 0, to be let go?"""
        return not self.request.prompt


def request_from_body(body: Mapping[str, object]) -> ParsedRequest:
    """What `body`, as read from JSON, asks for. Raises BadRequest, under the client's names."""
    fields = {name: value for name, value in body.items() if value is not None}
    stream = _taken(fields, "stream", bool, True, message("allowed.bool"))
    options = _taken(fields, "options", dict, {}, message("value.object"))
    pictures = _taken(fields, "images", list, [], message("allowed.pictures"))
    warnings: list[Message] = [message("unknown", names=shown(_WORDS))] if fields.pop(_WORDS, None) else []
    fields = {"prompt": "", "fit": "scale"} | _without_nothing(_with_options(fields, options))
    if pictures:
        fields["images"] = pictures[0]
        if len(pictures) > 1:
            own = fields.get("references")
            fields["references"] = [{"img": each} for each in pictures[1:]] + (own if isinstance(own, list) else [])
    parsed = parse(fields, NAMES)
    request = msgspec.structs.replace(parsed.request, progress=True if stream else None)
    filled = ("strength",) if pictures and request.strength is None else ()
    if filled:
        request = msgspec.structs.replace(request, strength=STRENGTH)
    if request.stream and not stream:
        request = msgspec.structs.replace(request, stream=None)
        warnings.append(message("preview.unstreamed", "stream"))
    called = body.get("model") or body.get("name") or ""
    others = {f"references.{place}.img": f"images {place + 2}" for place in range(len(pictures) - 1)}
    names = {**NAMED, **({"references": "images"} if others else {}), **others, **parsed.called}
    return ParsedRequest(request, str(called), stream, [*warnings, *parsed.warnings], names, filled)


def _taken(fields: dict[str, Any], name: str, kind: type, default: Any, allowed: Message) -> Any:
    """Takes a field out of what is said. Raises BadRequest for a value of another kind."""
    value = fields.pop(name, default)
    if not isinstance(value, kind):
        raise BadRequest(refusal(name, value, allowed).note.called(name), reason="type")
    return value


def _with_options(body: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, and what only the options say; those of text models get a name that nothing here has."""
    fields = {NAMES.get(name, name) for name in body}
    own = {name: value for name, value in options.items() if name in _OPTIONS}
    missing = {name: value for name, value in own.items() if NAMES.get(name, name) not in fields}
    return {**body, **missing, **{f"options.{name}": value for name, value in options.items() if name not in own}}


def _without_nothing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing: a size, number of steps or seed of 0, and fields of text models that are empty."""
    kept = {}
    for name, value in fields.items():
        field = NAMES.get(name, name)
        if field in _FIELDS:
            empty = field in _ZERO_IS_NONE and value in (0, "0") and not isinstance(value, bool)
        else:
            empty = value is None or value in _NOTHING
        if not empty:
            kept[name] = value.removesuffix(LATEST) or None if field == "model" and isinstance(value, str) else value
    return kept
