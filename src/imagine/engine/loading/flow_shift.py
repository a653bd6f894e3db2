"""How far a diffusers folder says that its flow's noise levels are moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...families.facts import Shift
from ...messages import message
from ...words.errors import UnusableModel

_TOKENS = {"base_image_seq_len": 256, "max_image_seq_len": 4096}
_OTHERWISE = {
    "shift_terminal": (None,), "time_shift_type": (None, "exponential"), "stochastic_sampling": (None, False),
    "invert_sigmas": (None, False),
}  # fmt: skip
"""What changes the levels in ways that aren't known here, and what it is where it doesn't."""


def shift_of_scheduler(config: Mapping[str, Any], usual: Shift) -> Shift:
    """What the scheduler's `config` says, of a `FlowMatchEulerDiscreteScheduler` or one like it; `usual` where it says
    nothing. Raises UnusableModel for one that the samplers here don't know."""
    for name, known in _OTHERWISE.items():
        if config.get(name) not in known:
            raise UnusableModel(message("weights.scheduler", what=name))
    if any(config.get(name, count) != count for name, count in _TOKENS.items()):
        raise UnusableModel(message("weights.scheduler", what=", ".join(_TOKENS)))
    if config.get("use_dynamic_shifting"):
        return Shift(least=_number(config, "base_shift", 0.5), most=_number(config, "max_shift", 1.15))
    return Shift(by=_number(config, "shift", 1.0)) if "shift" in config else usual


def _number(config: Mapping[str, Any], name: str, usual: float) -> float:
    value = config.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 100:
        raise UnusableModel(message("weights.scheduler_config", why=f"{name}: {value}"))
    return float(value)
