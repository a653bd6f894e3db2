"""All other networks that enlarge pictures, by spandrel (MIT, https://github.com/chaiNNer-org/spandrel): an extra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...messages import message
from ...words.errors import UnusableModel
from ..parts.in_turns import in_turns
from ..parts.slices import Slices

_TILE = 192
_MARGIN = 32
"""What most of these networks look at decides little beyond so many pixels."""


class ForeignNetwork(torch.nn.Module):
    """What spandrel made of a file."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network = descriptor.model
        self.scale = int(descriptor.scale)
        self.margin, self.tile = _MARGIN, _TILE
        self._descriptor = descriptor

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def enlarge(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, h, w) in 0…1 to (1, 3, h·scale, w·scale)."""
        made: Tensor = yield from in_turns(self.network, lambda: self._descriptor(pixels))
        return made


def open_foreign(kind: str, spelled: Sequence[dict[str, Tensor]], device: torch.device) -> ForeignNetwork:
    """The network of tensors that may be spelled in several ways.

    Raises UnusableModel where spandrel isn't there, or can't tell what they are.
    """
    try:
        import spandrel
    except (ImportError, RuntimeError) as error:  # torchvision, which it imports, raises this beside another torch
        why = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        raise UnusableModel(message("upscaler.extra", kind=kind, why=why)) from error
    descriptor = _told(spandrel, kind, spelled)
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise UnusableModel(message("upscaler.masked"))
    if (descriptor.input_channels, descriptor.output_channels) != (3, 3):
        raise UnusableModel(message("upscaler.colours", count=descriptor.input_channels))
    descriptor.to(device, torch.float32).eval()
    return ForeignNetwork(descriptor).requires_grad_(requires_grad=False)


def _told(spandrel: Any, kind: str, spelled: Sequence[dict[str, Tensor]]) -> Any:
    """What spandrel makes of the first spelling that it knows. Raises UnusableModel."""
    loader = spandrel.ModelLoader(torch.device("cpu"))
    for tensors in spelled:
        try:
            return loader.load_from_state_dict(tensors)
        except spandrel.UnsupportedModelError:
            continue
        except (LookupError, ValueError, AssertionError, RuntimeError) as error:
            raise UnusableModel(message("upscaler.untold", kind=kind, why=f": {error}")) from error
    raise UnusableModel(message("upscaler.untold", kind=kind, why=""))
