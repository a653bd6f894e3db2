"""A network that classifies, as a `Checker`: labels become categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ..threads.alone import alone
from .checker import Rgb, Scores
from .showing import Showing, shown


class Classifier:
    """`network` makes of pixels (squares, 3, side, side) how much each is of each label, (squares, labels), 0…1.

    On a CPU it is computed by one thread, so that the bits don't depend on how many others there are.
    """

    def __init__(self, network: Any, showing: Showing, categories: Sequence[str], *, name: str, digest: str) -> None:
        """`categories`: of each label, "" for none."""
        self.name, self.digest = name, digest
        self._network, self._showing, self._categories = network, showing, tuple(categories)

    @property
    def nbytes(self) -> int:
        return sum(parameter.nbytes for parameter in self._network.parameters())

    def score(self, rgb: Rgb) -> Scores:
        """Of the labels of one category the sum, of several squares the most. Raises UnusableModel for no numbers."""
        with torch.inference_mode(), alone():
            pixels = shown(rgb, self._showing).to(next(self._network.parameters()).device)
            told = self._network(pixels).float().cpu()
        if not torch.isfinite(told).all():
            raise UnusableModel(message("safety.broken", name=self.name))
        scores = {category: torch.zeros(len(told)) for category in self._categories if category}
        for category, label in zip(self._categories, told.unbind(1), strict=True):
            if category:
                scores[category] += label
        return {category: min(float(each.max()), 1.0) for category, each in scores.items()}
