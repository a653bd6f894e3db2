"""Where networks work that wait elsewhere, and their layers: what stands beside them is to be there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import Module

Hosting = Callable[[], AbstractContextManager[None]]
_HOMES: WeakKeyDictionary[Module, torch.device] = WeakKeyDictionary()
_HOSTS: WeakKeyDictionary[Module, Hosting] = WeakKeyDictionary()


def note_home(network: Module, device: torch.device) -> None:
    """From now on it comes to that device to work, and its tensors are others meanwhile."""
    for module in network.modules():
        _HOMES[module] = device


def note_host(network: Module, hosting: Hosting) -> None:
    """From now on that has it come to its device for the length of a block."""
    _HOSTS[network] = hosting


def there(network: Module) -> AbstractContextManager[None]:
    """For the length of a block it is where it works, whatever of it is called there."""
    hosting = _HOSTS.get(network)
    return nullcontext() if hosting is None else hosting()


def visits(module: Module) -> bool:
    """Does a network or a layer come to its device only to work?"""
    return module in _HOMES


def home_of(module: Module) -> torch.device:
    """Where a network or a layer works, wherever its tensors lie at present."""
    if (home := _HOMES.get(module)) is not None:
        return home
    return next(chain(module.parameters(), module.buffers())).device


def own_copy(module: Module, name: str) -> Tensor:
    """A parameter of a layer where that works: itself, or where the layer comes and goes one that stays."""
    parameter = module.get_parameter(name).detach()
    return parameter.to(_HOMES[module]).clone() if visits(module) else parameter
