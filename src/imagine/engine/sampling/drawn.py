"""Noise that a scheduler of diffusers draws as it steps: the same numbers, without waiting for the device.

Its `randn_tensor` draws on the CPU where the generator is one of it, and copies that to the device in a way for which
the host waits until the device has done all that it was given. Here a scheduler's step calls one that doesn't wait; it
is drawn while the device is busy with the forward that was given to it before.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from ..device.transfer import sent

_DRAWS = "randn_tensor"
"""The name under which diffusers' schedulers know what draws."""


@lru_cache
def drawing(scheduler: type) -> type:
    """A scheduler's class, whose step draws by `drawn`. One that draws by nothing of that name is left as it is."""
    step: Any = scheduler.step  # type: ignore[attr-defined]
    if _DRAWS not in step.__globals__:
        return scheduler
    names = {**step.__globals__, _DRAWS: drawn}
    rebound = FunctionType(step.__code__, names, step.__name__, step.__defaults__, step.__closure__)
    rebound.__kwdefaults__ = step.__kwdefaults__
    return type(scheduler.__name__, (scheduler,), {"step": rebound, "__module__": scheduler.__module__})


def drawn(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device, dtype: torch.dtype, **options: Any
) -> Tensor:
    """Standard normal noise on `device`, of a generator of the CPU."""
    return sent(torch.randn(shape, generator=generator, dtype=dtype, **options), device)
