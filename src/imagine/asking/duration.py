"""Durations as people write them: "5m", "1h30m", "90s", "500ms"; a minus before it means for ever."""

from __future__ import annotations

import re

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = r"[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|ms|m|s)"
PATTERN = rf"^(?:0|-?(?:{_PART})+)$(?!\n)"
"""What `seconds_from_duration` takes, for a schema too; 0 alone needs no unit."""


def seconds_from_duration(text: str) -> float:
    """The seconds that `text` says, -1 for any negative duration. Raises ValueError for what is no duration."""
    if not re.search(PATTERN, text):
        raise ValueError(f"{text[:40]!r} is no duration")
    if text.startswith("-"):
        return -1.0
    parts = re.findall(r"([0-9.]+)(h|ms|m|s)", text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
