"""An upscaler that is open: a network, or a way of resampling. A model of one part, or of none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from ...messages import Message, message
from ...words.model import Model
from ...words.upscalers import RESAMPLING
from ..device.device import Device
from ..loading.upscaler import open_network
from ..parts.enlarging_network import EnlargingNetwork
from ..parts.part import Held, Part, Stage
from ..parts.strips import RESAMPLED, PictureSize, Strips, bands, brought_to, resampled, with_alpha
from ..parts.tiles import in_tiles, tile_count


class Enlarger:
    """Enlarges pictures to any size: what its network doesn't, is resampled."""

    dtype = "float32"

    def __init__(self, name: str, network: EnlargingNetwork | None) -> None:
        """Without a network, `name` is a way of resampling."""
        self.name, self._network = name, network

    def parts(self, _: Stage) -> Sequence[Part]:
        """What must be there for any stage."""
        return [] if self._network is None else [self._network]

    def executed(self) -> Mapping[str, Any]:
        """How it is run, as far as that decides bits: always alike."""
        return {}

    def steps(self, picture: PictureSize, size: PictureSize, *, tiled: bool) -> int:
        """How many strips' worth of work it is to enlarge a picture."""
        if self._network is None:
            return len(list(bands(size[1])))
        return tile_count(picture, self._network, tiled=tiled)

    def note(self, picture: PictureSize, size: PictureSize) -> Message | None:
        """What isn't quite as it was asked: a network that enlarges less, whose picture is resampled to the size."""
        if self._network is None or size[0] <= picture[0] * self._network.scale:
            return None
        return message("upscaler.less", None, name=self.name, scale=self._network.scale)

    def strips(self, picture: Image.Image, size: PictureSize, *, tiled: bool = False) -> Strips:
        """`picture`, RGB or RGBA, at another size; `tiled` needs less memory."""
        if self._network is None:
            return resampled(picture, size, RESAMPLED[self.name])
        colours = picture if picture.mode == "RGB" else picture.convert("RGB")
        scale = self._network.scale
        made = (picture.width * scale, picture.height * scale)
        strips = brought_to(in_tiles(colours, self._network, tiled=tiled), made, size)
        return with_alpha(strips, picture.getchannel("A"), size) if picture.mode == "RGBA" else strips


def open_enlarger(model: Model, device: Device, progress: Callable[[float], None], held: Held) -> Enlarger:
    """The upscaler that a model is. Raises UnusableModel."""
    if model.family == RESAMPLING:
        return Enlarger(model.name, None)
    network = open_network(model.main, model.family, device, held)
    progress(1.0)
    return Enlarger(model.name, network)
