"""A network that enlarges pictures, from its file: a small class of ours, or spandrel's."""

from __future__ import annotations

from typing import Any

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..device.device import Device
from ..parts.enlarging_network import EnlargingNetwork
from ..parts.part import Held
from ..parts.part_key import PartKey, files_of
from .assembly import build, fill
from .checkpoint_file import CheckpointFile
from .compact import KIND, network_of
from .foreign_upscaler import open_foreign
from .part_file import refusing
from .weights import Renamed, Weights, read_all

DTYPE = torch.float32
"""What all of them compute in: they are small, and float16 bands skies."""
_PREFIXES = ("params_ema.", "params.", "module.", "model.", "")
"""What trainers put before a network's names."""
_COMPACT_TILE = 256
"""Pixels: of 128 to 1024 the quickest on a CPU, though it computes a third more than the whole would take."""


def open_network(component: Component, kind: str, device: Device, held: Held) -> EnlargingNetwork:
    """The network in a file, of a `kind` that the registry tells; one that is held is that. Raises UnusableModel."""
    key = PartKey(files_of(component), "upscaler", "float32")
    if isinstance(there := held.get(key), EnlargingNetwork):
        return there
    with refusing():
        file = CheckpointFile(component.path)
        if kind == KIND and (compact := _compact(_unprefixed(file), device.torch)) is not None:
            return EnlargingNetwork(compact, key, _COMPACT_TILE)
        module = open_foreign(kind, [read_all(file), read_all(_unprefixed(file))], device.torch)
        return EnlargingNetwork(module, key, module.tile)


def _compact(weights: Weights, device: torch.device) -> Any:
    shapes = {name: weights.shape(name) for name in weights.names}
    if (constructor := network_of(shapes)) is None:
        return None
    tensors = read_all(weights)
    strange = next((name for name, tensor in tensors.items() if not tensor.is_floating_point()), None)
    if strange is not None:
        raise UnusableModel(message("weights.unexpected", part="upscaler", names=strange))
    return fill(build("upscaler", constructor, tensors), tensors, device, DTYPE)


def _unprefixed(weights: Weights) -> Weights:
    """The weights under the network's own names."""
    for prefix in _PREFIXES:
        names = {name.removeprefix(prefix): name for name in weights.names if name.startswith(prefix)}
        if names:
            return Renamed(weights, names)
    return weights
