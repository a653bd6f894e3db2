"""The JSON schemas of what requests are read into, each made once: msgspec evaluates all annotations anew each time."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

_WHERE = "#/components/schemas/{name}"


def schemas_of(*kinds: type) -> dict[str, Any]:
    """The schemas of these types and of what they refer to, by name: the caller's own, to be changed."""
    made: dict[str, Any] = msgspec.json.decode(_written(kinds))
    return made


@cache
def _written(kinds: tuple[type, ...]) -> bytes:
    return msgspec.json.encode(msgspec.json.schema_components(kinds, ref_template=_WHERE)[1])
