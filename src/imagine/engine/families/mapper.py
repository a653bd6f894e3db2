"""A preprocessor that is open: a network, or what needs none. A model of one part, or of none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ...maps.making import Options, drawn, map_slices, on_white
from ...maps.normals import normals
from ...words.model import Model
from ...words.preprocessors import PLAIN, options_of
from ..device.device import Device
from ..loading.preprocessor import open_mapping
from ..parts.mapping_network import MappingNetwork
from ..parts.part import Held, Part, Stage
from ..parts.slices import Slices

_NORMAL = "normal"


class Mapper:
    """Makes maps of pictures, in their size."""

    dtype = "float32"

    def __init__(self, network: MappingNetwork | None) -> None:
        self._network = network

    def parts(self, _: Stage) -> Sequence[Part]:
        """What must be there for any stage."""
        return [] if self._network is None else [self._network]

    def executed(self) -> Mapping[str, Any]:
        """How it is run, as far as that decides bits: always alike."""
        return {}

    def map(
        self, picture: Image.Image, name: str, options: Options, mask: Image.Image | None = None
    ) -> Slices[Image.Image]:
        """As `map_slices`, whether `name` needs a network or not."""
        if self._network is None:
            return (yield from map_slices(picture, name, options, mask))
        values = yield from self._network.values(on_white(picture))
        if name == _NORMAL:
            return drawn(normals(values, options_of(name, options)["bg_threshold"]))
        return drawn(np.rint(values * 255).astype(np.uint8))


def open_mapper(model: Model, device: Device, progress: Callable[[float], None], held: Held) -> Mapper:
    """The preprocessor that a model is. Raises UnusableModel."""
    network = None if model.family == PLAIN else open_mapping(model.main, model.family, device, held)
    progress(1.0)
    return Mapper(network)
