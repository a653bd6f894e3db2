"""The device's memory: running out of it, and networks that are lent other tensors for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

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
