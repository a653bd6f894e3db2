"""A network of a control, as a picture in the making sees it: what it makes of a map once, and of each evaluation."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from ..execution.execution import Inputs
from .residuals import Residuals

Hint = Any
"""What a network made of a map, as only that network knows it."""


class ControlNetwork(Protocol):
    """Beside the denoiser of one model."""

    def hint(self, pixels: Tensor, kind: str, /) -> Hint:
        """What it makes of a map of that `kind`, (1, 3, H, W) in 0…1 and −1 where an inpainting one is to be painted:
        all that doesn't depend on the step. On the CPU, or where the network is. Raises BadRequest."""

    def residuals(self, asked: Inputs, hint: Hint, strength: float) -> Residuals:
        """For what the denoiser is asked of one picture. From any thread."""

    def check(self) -> None:
        """Raises ModelChanged where somebody wrote into its file while it was drawn with."""
