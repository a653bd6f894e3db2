"""What a control's file is beside a denoiser of some kind: the network, and how it is made of the file's tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..control.control_network import ControlNetwork
from .weights import Weights

NOTHING_MORE: Mapping[str, Any] = {}


class Said(NamedTuple):
    """What is said of a file beside its tensors."""

    stem: str
    """What it is called."""
    settings: Mapping[str, Any]
    """What diffusers' config.json says, where there is one."""


class ControlKind(NamedTuple):
    """The network that a file is."""

    weights: Weights
    """Its tensors, as the module has them."""
    constructor: Callable[..., Any]
    """Of the module, from `settings`."""
    settings: Mapping[str, Any]
    network: Callable[..., ControlNetwork]
    """Makes it of the module, of what checks its file, and of `more`."""
    more: Mapping[str, Any] = NOTHING_MORE


TellControl = Callable[[Weights, Any, Said], ControlKind]
"""What the file with these tensors is beside a denoiser. Raises UnusableModel."""
