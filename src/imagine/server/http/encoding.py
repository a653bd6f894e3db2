"""What we say, as JSON and as lines of NDJSON."""

from __future__ import annotations

import msgspec

NDJSON = "application/x-ndjson"


def body_from(value: object) -> bytes:
    """`value` as JSON."""
    return msgspec.json.encode(value)


def line_from(value: object) -> bytes:
    """`value` as one line of NDJSON."""
    return body_from(value) + b"\n"
