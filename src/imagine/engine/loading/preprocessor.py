"""A network that makes maps, from its file."""

from __future__ import annotations

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..device.device import Device
from ..parts.mapping_network import MappingNetwork
from ..parts.part import Held
from ..parts.part_key import PartKey, files_of
from .assembly import build, fill
from .checkpoint_file import CheckpointFile
from .depth_anything import DEPTH_ANYTHING, DepthNetwork, depth_network, in_their_places
from .hed import HED, EdgeNetwork
from .part_file import refusing
from .weights import read_all

DTYPE = torch.float32
"""What all of them compute in: they run once for a picture, and half precision shows in smooth slopes."""
_WHAT = "preprocessor"


def open_mapping(component: Component, kind: str, device: Device, held: Held) -> MappingNetwork:
    """The network in a file, of a `kind` that the registry tells; one that is held is that. Raises UnusableModel."""
    key = PartKey(files_of(component), _WHAT, "float32")
    if isinstance(there := held.get(key), MappingNetwork):
        return there
    with refusing():
        tensors = read_all(CheckpointFile(component.path))
        if strange := next((name for name, tensor in tensors.items() if not tensor.is_floating_point()), None):
            raise UnusableModel(message("weights.unexpected", part=_WHAT, names=strange))
        if kind == HED:
            module = fill(build(_WHAT, EdgeNetwork, tensors), tensors, device.torch, DTYPE)
        elif kind == DEPTH_ANYTHING:
            tensors = in_their_places(tensors)
            shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            network = build(_WHAT, lambda: depth_network(shapes), tensors)
            module = DepthNetwork(fill(network, tensors, device.torch, DTYPE))
        else:
            raise UnusableModel(message("preprocess.layout"))
        return MappingNetwork(module, key)
