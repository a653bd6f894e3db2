"""What the engine is doing at the moment, and for which jobs: those are whom it hits when that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Activity:
    """Set before work begins, so that a failure is laid at the right door."""

    stage: str = "idle"
    """Also read from other threads."""
    jobs: Sequence[str] = ()
