"""Which of the ways in which a diffusers scheduler spaces a flow's noise levels our steps go: the others' folders run
as diffusers runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STEPPED: Mapping[str, tuple[object, ...]] = {
    "time_shift_type": (None, "exponential"),
    "stochastic_sampling": (None, False),
    "invert_sigmas": (None, False),
    "use_karras_sigmas": (None, False),
    "use_exponential_sigmas": (None, False),
    "use_beta_sigmas": (None, False),
    "base_image_seq_len": (None, 256),
}
"""What changes the levels, and what it is where they are those that we step over: `FlowMatchEulerDiscreteScheduler`'s
settings (diffusers 0.42, Apache-2.0)."""


def has_other_levels(scheduler: Mapping[str, Any]) -> bool:
    """Does a scheduler's configuration ask for levels that our steps don't go over?

    >>> has_other_levels({"shift": 3.0, "shift_terminal": 0.02}), has_other_levels({"use_karras_sigmas": True})
    (False, True)
    """
    return any(scheduler.get(name) not in known for name, known in _STEPPED.items())
