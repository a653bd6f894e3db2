"""Where networks work that wait elsewhere, and their layers: what stands beside them is to be there."""

from __future__ import annotations

from itertools import chain
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import Module

_HOMES: WeakKeyDictionary[Module, torch.device] = WeakKeyDictionary()


def note_home(network: Module, device: torch.device) -> None:
    """From now on it comes to that device to work, and its tensors are others meanwhile."""
    for module in network.modules():
        _HOMES[module] = device


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
