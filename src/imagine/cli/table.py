"""Tables and quantities as people read them, in plain text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, tzinfo

from .console import printable

_AGES = (
    (86400 * 365, "year"),
    (86400 * 30, "month"),
    (86400 * 7, "week"),
    (86400, "day"),
    (3600, "hour"),
    (60, "minute"),
)


WAYS = {
    "all": "all of it stays",
    "encoders": "text encoders leave while it draws",
    "stages": "one stage of it at a time",
    "layers": "layer by layer, slowly",
}
"""How a model is held on a device, by the words of our own API."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, four spaces apart, without borders."""
    lines = [header, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    aligned = [
        "    ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join(aligned)


def size_of(count: float) -> str:
    """Bytes, in the largest unit that leaves a number from 1 to 999: `2.1 GB`."""
    for unit in ("B", "KB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def counted(count: int, name: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def span(seconds: float) -> str:
    """A length of time in its largest unit: `4 minutes`."""
    for length, name in _AGES:
        if seconds >= length:
            count = int(seconds // length)
            return counted(count, name)
    return "less than a minute"


def moment(seconds: float, zone: tzinfo | None = None) -> str:
    """A Unix time as the clock on the wall tells it, or one in `zone`: `2023-10-27 15:30`."""
    return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M")


def ago(moment: float, now: float | None = None) -> str:
    """How long ago a Unix time was."""
    return f"{span((time.time() if now is None else now) - moment)} ago"
