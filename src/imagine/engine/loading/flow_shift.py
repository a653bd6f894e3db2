"""How far a diffusers folder says that its flow's noise levels are moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...families.facts import Shift
from ...messages import message
from ...words.errors import UnusableModel


def shift_of_scheduler(config: Mapping[str, Any] | None, usual: Shift | None = None) -> Shift:
    """What the scheduler's `config` says, of a `FlowMatchEulerDiscreteScheduler` or one like it, or of DPM-Solver's and
    UniPC's, which call it `flow_shift`; `usual`, or none, where it says nothing or there is no scheduler. One with
    other levels doesn't come here: its folder runs whole. Raises UnusableModel for what is no number."""
    usual, config = usual or Shift(), config or {}
    if config.get("use_flow_sigmas"):
        return Shift(by=_number(config, "flow_shift", 1.0))
    terminal = _number(config, "shift_terminal", 0.0, most=1) if config.get("shift_terminal") else 0.0
    if config.get("use_dynamic_shifting"):
        least, most = _number(config, "base_shift", 0.5), _number(config, "max_shift", 1.15)
        tokens = int(_number(config, "max_image_seq_len", 4096, least=256, most=2**20))
        return Shift(least=least, most=most, tokens=tokens, terminal=terminal)
    return Shift(by=_number(config, "shift", 1.0), terminal=terminal) if "shift" in config else usual


def _number(config: Mapping[str, Any], name: str, usual: float, *, least: float = 0, most: float = 100) -> float:
    """One between `least` and `most`, both of which are too much."""
    value = config.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least < value < most:
        raise UnusableModel(message("weights.scheduler_config", why=f"{name}: {value}"))
    return float(value)
