"""The device's memory: what running out of it looks like, and two ways to have more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")
"""What backends without an exception class of their own say."""


class Shortage:
    """`with Shortage():` swallows an error that says memory ran out, and nothing else.

    Behind the block nothing holds the error any more: its traceback would keep alive the very tensors that were in the
    way.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        return isinstance(error, RuntimeError) and ran_out(error)


def ran_out(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _TEXTS)


def to_main_memory(modules: Sequence[Any]) -> bool:
    """Move what of `modules` is on an accelerator to the CPU; False when nothing was."""
    there = [module for module in modules if module.device.type != "cpu"]
    for module in there:
        module.to("cpu")
    return bool(there)
