"""Sizes, read off the shapes of a network's tensors."""

from __future__ import annotations

from collections.abc import Mapping

from ....messages import message
from ....words.errors import UnusableModel

Shapes = Mapping[str, tuple[int, ...]]
"""Of tensors, by their names."""
MAX_SIZE = 2**20


def count_of(shapes: Shapes, prefix: str) -> int:
    """How many different numbers follow `prefix` in the names."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)})


def size_of(shapes: Shapes, name: str, dimension: int) -> int:
    """Of a tensor that must be there. Raises UnusableModel."""
    shape = shapes.get(name)
    if shape is None or len(shape) <= dimension:
        raise UnusableModel(message("weights.no_tensor", name=name))
    if not 1 <= shape[dimension] <= MAX_SIZE:
        raise UnusableModel(message("weights.absurd", name=name, shape=str(list(shape))))
    return shape[dimension]
