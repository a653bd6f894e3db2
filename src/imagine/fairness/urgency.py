"""What a priority is worth: a share of the device between clients, and a head start among a client's own.

Nothing waits for ever: a share is never none, and a head start ends.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..words.keys import Priority

WEIGHTS: Mapping[Priority, float] = {"low": 0.25, "normal": 1.0, "high": 4.0}
"""How many times the seconds of what is normal it has of the device, where others want it too."""
HEAD_STARTS: Mapping[Priority, float] = {"low": -3600.0, "normal": 0.0, "high": 3600.0}
"""So many seconds earlier it counts as having come, among its client's own."""


def share_of(weight: float, priority: Priority) -> float:
    """By how much less than its seconds a client of that weight is charged for what has that priority."""
    return weight * WEIGHTS[priority]


def turn_of(came: float, priority: Priority) -> float:
    """Where something that came at that moment stands among its client's own; the least is next."""
    return came - HEAD_STARTS[priority]


def delay_of(seconds: float, priority: Priority) -> float:
    """For how many seconds others may pass what takes so many and can wait: as many more as its client is charged."""
    return seconds * max(0.0, 1 / WEIGHTS[priority] - 1)
