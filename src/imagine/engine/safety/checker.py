"""The seam of what looks at pictures: one question, whatever network answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""(height, width, 3)."""
Scores = Mapping[str, float]
"""0…1 by category, those of 0 among them: OpenAI's, `suggestive`, or a label that is of none of them."""


class Checker(Protocol):
    """Tells what is to be seen in a picture."""

    @property
    def name(self) -> str:
        """What verdicts name it by."""

    @property
    def digest(self) -> str:
        """Of its file: equal where the scores are."""

    @property
    def nbytes(self) -> int:
        """Of its weights, as they are in memory."""

    def score(self, rgb: Rgb) -> Scores:
        """The same numbers for the same pixels, whatever else runs. Raises UnusableModel where it makes none."""
