"""Who makes a picture: chosen by what was opened for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...messages import message
from ...words.errors import Unsupported
from ..adapters.opened import Opened
from ..families.loaded_model import LoadedModel
from ..whole.pipeline import Whole
from .forward import Forward
from .ledger import Ledger
from .stepped import Stepped
from .whole import WholeRun
from .work import Work


class Makers:
    """What all pictures on one device are made with."""

    def __init__(self, device: torch.device, turn: float, adapters: Opened) -> None:
        """`turn`: seconds after which others may have the device."""
        self._device, self._turn, self._adapters = device, turn, adapters
        self.forward = Forward()

    def begin(self, ledger: Ledger, models: Sequence[LoadedModel]) -> Work:
        """The picture of a ledger in the making; `models` are those of its `submit`. Raises Unsupported."""
        first, families = models[0], [model for model in models if not isinstance(model, Whole)]
        if isinstance(first, Whole):
            return WholeRun(ledger, first, self._turn)
        if len(families) < len(models):
            raise Unsupported(message("refiner.whole", "refiner", value=ledger.params.refiner or ""))
        return Stepped(ledger, families, self.forward, self._adapters, self._device)
