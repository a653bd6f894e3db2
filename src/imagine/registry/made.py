"""What a sidecar says of how a model is asked and what goes beside it; one that stands alone makes a model of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..messages import message
from ..words.errors import UnusableModel
from ..words.named_model import NamedModel

MADE_KEYS = ("loras", "embeddings", "parameters", "negative", "sample", "license", "description")
"""Keys of any sidecar: what a recipe says in any case, so that it means the same with the sidecar and without."""
_WORDS = ("prompt_prefix", "prompt_suffix", "preset")
_ALONE = ("from", "digest", "vae", "text_encoders", *MADE_KEYS, *_WORDS)
_SPELLINGS = {"licence": "license", "text_encoder": "text_encoders", "lora": "loras", "neg": "negative"}
_FIELDS = {field.encode_name: field.type for field in msgspec.structs.fields(NamedModel)}


def made_beside(name: str, parsed: Mapping[Any, Any]) -> NamedModel:
    """Of what the sidecar called `name` beside weights says, this part. Raises UnusableModel, for words around the
    prompt too: a recipe of the file has them in its prompt, and would get them twice."""
    spelled = {_SPELLINGS.get(str(key), str(key)): value for key, value in parsed.items()}
    if words := next((key for key in _WORDS if key in spelled), None):
        raise UnusableModel(message("made.words", name=name, key=words))
    return _converted(name, {key: value for key, value in spelled.items() if key in MADE_KEYS})


def made_alone(name: str, parsed: Mapping[Any, Any]) -> NamedModel:
    """What a sidecar without weights makes. Raises UnusableModel for one that says no base, and for unknown keys."""
    spelled = {_SPELLINGS.get(str(key), str(key)): value for key, value in parsed.items()}
    if unknown := next((key for key in spelled if key not in _ALONE), None):
        raise UnusableModel(message("sidecar.unknown", name=name, key=unknown[:40], known=", ".join(_ALONE)))
    made = _converted(name, spelled)
    if not made.base:
        raise UnusableModel(message("made.no_base", name=name))
    return made


def _converted(name: str, said: Mapping[str, Any]) -> NamedModel:
    values = {key: _plain(key, value) for key, value in said.items() if value is not None}
    try:
        made = msgspec.convert(values, NamedModel)
        msgspec.msgpack.encode(made)  # a number may be too large for what keeps it
        msgspec.json.encode(made)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError) as error:
        field = next((key for key, value in values.items() if not _fits(key, value)), "")
        raise UnusableModel(message("made.field", name=name, key=field)) from error
    return made


def _plain(key: str, value: Any) -> Any:
    """The same in the one form that it is kept in."""
    if key == "loras":
        if isinstance(value, dict):
            return [{"name": name, "weight": weight} for name, weight in value.items()]
        return [{"name": each} if isinstance(each, str) else each for each in _listed(value)]
    return _listed(value) if key in ("text_encoders", "embeddings") else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _fits(key: str, value: Any) -> bool:
    try:
        msgspec.convert(value, _FIELDS[key])
        msgspec.msgpack.encode(value)
        msgspec.json.encode(value)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError):
        return False
    return True
