"""What torch does beside a network's forward, counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Operators(TorchDispatchMode):
    """Counts the operators that torch runs outside of a network's forward, and those that make a tensor of its own."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.run: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self._inside = False
        self._hooks = [
            network.register_forward_pre_hook(lambda *_: self._enter(True)),
            network.register_forward_hook(lambda *_: self._enter(False)),
        ]

    def _enter(self, inside: bool) -> None:
        self._inside = inside

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if not self._inside:
            name = func.overloadpacket.__name__
            self.run[name] += 1
            given = {id_of(each) for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)}
            self.made[name] += sum(
                isinstance(each, torch.Tensor) and id_of(each) not in given for each in tree_leaves(answer)
            )
        return answer


def id_of(tensor: torch.Tensor) -> int:
    """Of the memory that it lies in."""
    return tensor.untyped_storage()._cdata
