"""What is left of models that made way: parts that stay while their room isn't wanted, and needn't be read again.

No model is there for it: it can't be drawn with, isn't listed, and goes before any model does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ...words.model import Model
from ..parts.part import Part


@dataclass
class _Left:
    model: Model
    parts: list[Part]
    """In the order that they go in."""
    expires: float


class Remains:
    """By the identity of the model that they were of; that which made way first goes first."""

    def __init__(self) -> None:
        self._left: dict[str, _Left] = {}

    @property
    def parts(self) -> list[Part]:
        return [part for left in list(self._left.values()) for part in left.parts]

    @property
    def nearest(self) -> float:
        """When the next are to go."""
        return min((left.expires for left in self._left.values()), default=math.inf)

    def add(self, model: Model, parts: Sequence[Part], expires: float) -> None:
        if parts:
            self._left[model.identity] = _Left(model, list(parts), expires)

    def drop(self, stay: Collection[Part]) -> bool:
        """Let go of the next part; False where others hold whatever there is, or it has to `stay`."""
        for key, left in list(self._left.items()):
            going = next((part for part in left.parts if part not in stay), None)
            if going is None:
                continue
            left.parts.remove(going)
            if not left.parts:
                del self._left[key]
            return True
        return False

    def forget(self, which: Callable[[Model, float], bool]) -> bool:
        """Let go of what is left of those models, told by themselves and by when they are to go."""
        gone = [key for key, left in self._left.items() if which(left.model, left.expires)]
        for key in gone:
            del self._left[key]
        return bool(gone)
