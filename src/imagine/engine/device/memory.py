"""The device's memory: running out of it, and what of a model needn't be there all the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from ...words.errors import ImagineError
from .errors import ran_out


class Shortage:
    """`with Shortage():` swallows an error that says memory ran out, and nothing else.

    Behind the block nothing holds the error any more: its traceback would keep alive the very tensors that were in the
    way.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        return error is not None and not isinstance(error, ImagineError) and ran_out(error)


@contextmanager
def replaced(module: Any, make: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """`module` with its tensors as `make` has them, and behind the block with those that it had.

    Those are kept, not made anew: going back costs nothing, and can't fail for want of memory.
    """
    had: list[tuple[dict[str, Any], str, Tensor]] = []
    try:
        for owner in module.modules():
            for tensors in (owner._parameters, owner._buffers):
                for name, tensor in tensors.items():
                    if tensor is not None and (made := make(tensor)) is not tensor:
                        had.append((tensors, name, tensor))
                        tensors[name] = Parameter(made, False) if isinstance(tensor, Parameter) else made
        yield
    finally:
        for tensors, name, tensor in had:
            tensors[name] = tensor


def widened(module: Any, made: dict[int, Tensor] | None = None) -> AbstractContextManager[None]:
    """`module` in float32 for the length of a block. `made` keeps its tensors from one block to the next."""
    kept = {} if made is None else made

    def make(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        if id(tensor) not in kept:
            kept[id(tensor)] = tensor.float()
        return kept[id(tensor)]

    return replaced(module, make)


class OnDemand:
    """Networks that are needed now and then, and wait in main memory once the device is short of it."""

    def __init__(self, modules: Sequence[Any]) -> None:
        self._modules = modules
        self._device: torch.device | None = None
        """Where they work, while they wait elsewhere."""

    def leave(self) -> bool:
        """Have them wait in main memory from now on; False when they do already, or work there."""
        if self._device is not None or self._modules[0].device.type == "cpu":
            return False
        self._device = self._modules[0].device
        for module in self._modules:
            module.to("cpu")
        return True

    def come_back(self) -> bool:
        """Have them stay on the device again, if there is room; False when they don't wait elsewhere."""
        if self._device is None:
            return False
        with Shortage():
            for module in self._modules:
                module.to(self._device)
            self._device = None
            return True
        for module in self._modules:
            module.to("cpu")
        return False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """On their device for the length of a block. Where there is no room for them, they work in main memory, in
        float32: half precision is many times slower there."""
        device = self._device
        if device is None:
            yield
            return
        with ExitStack() as stack:
            if not _entered(stack, [replaced(module, lambda t: t.to(device)) for module in self._modules]):
                for module in self._modules:
                    stack.enter_context(widened(module))
            yield


def _entered(stack: ExitStack, blocks: Sequence[Any]) -> bool:
    """Enter all of these blocks, or, where memory runs out, none."""
    with Shortage(), ExitStack() as entered:
        for block in blocks:
            entered.enter_context(block)
        stack.enter_context(entered.pop_all())
        return True
    return False
