"""How long a worker may be silent or stay in one stage before it counts as hung, and how it is started again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds. They are for hangs, not for slow machines: one step of a big model on an old CPU takes minutes."""

    start: float = 300.0
    """From the spawn to `Ready`: importing torch from a cold disk."""
    silence: float = 30.0
    """Without a single frame, though heartbeats come every second or so."""
    stage: float = 900.0
    """In one stage, or in one step of it, while there is work."""
    stages: Mapping[str, float] = field(default_factory=lambda: {"loading": 3600.0})
    """The stages that have another limit than `stage`."""
    linger: float = 0.5
    """For a dead process's last words to be read, and for one that closed its pipes to die."""
    farewell: float = 5.0
    """From `Shutdown` to the process's own end."""

    def of(self, stage: str) -> float:
        """The limit of `stage`."""
        return self.stages.get(stage, self.stage)


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """When to start a worker again: at once, unless it keeps dying before it was of use."""

    first: float = 0.5
    """Seconds before the second start after a useless one; doubled each time."""
    most: float = 30.0
    hopeless: int = 3
    """After so many starts in a row that never became ready, jobs are failed rather than kept waiting."""

    def delay(self, useless: int) -> float:
        """Seconds to wait after `useless` useless lives in a row."""
        return 0.0 if useless == 0 else float(min(self.most, self.first * 2.0 ** (min(useless, 32) - 1)))
