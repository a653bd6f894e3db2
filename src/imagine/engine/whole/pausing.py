"""A network that pauses before each of its layers, for others to have the device meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch


@contextlib.contextmanager
def pausing(networks: Iterable[torch.nn.Module], pause: Callable[[], None]) -> Iterator[None]:
    """Within it, `pause` is called before every layer of these networks that runs on this very thread."""
    mine = threading.get_ident()

    def before(*_: Any) -> None:
        if threading.get_ident() == mine:
            pause()

    handles = [layer.register_forward_pre_hook(before) for network in networks for layer in _layers(network)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layers(network: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """The members of its lists: blocks, and what they are made of."""
    lists = (part for part in network.modules() if isinstance(part, torch.nn.ModuleList))
    yield from dict.fromkeys(layer for each in lists for layer in each)
