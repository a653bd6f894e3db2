"""What tells one kind of file from another: rows of tensors that must be there, and of the shapes that they must have.

A *tell* is a tensor's name; or `!name`, for one that must not be there; or `(name, dimension, size)`; or
`(name, dimensions)`, for how many it must have. A row holds where all of its tells do; the first row that holds is it,
so the more particular ones stand first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .header import TensorInfo

Tell = str | tuple[str, int] | tuple[str, int, int]


class Found(NamedTuple):
    """What a file is. `family` and `variant` are "" where the tensors don't tell."""

    kind: str
    family: str = ""
    variant: str = ""


class Signature(NamedTuple):
    """One row."""

    family: str
    variant: str
    tells: tuple[Tell, ...]


class Tensors:
    """A header's tensors under one prefix; `flat` is the way EMA copies are named, with every dot left out."""

    def __init__(self, tensors: Mapping[str, TensorInfo], prefix: str = "", *, flat: bool = False) -> None:
        self.tensors = tensors
        self.prefix = prefix
        self.flat = flat

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the tensor `name`, or () where there is none."""
        info = self.tensors.get(self.prefix + (name.replace(".", "") if self.flat else name))
        return info.shape if info else ()

    def has(self, *names: str) -> bool:
        return all(self.prefix + (n.replace(".", "") if self.flat else n) in self.tensors for n in names)

    def holds(self, tell: Tell) -> bool:
        if isinstance(tell, str):
            return not self.has(tell[1:]) if tell.startswith("!") else self.has(tell)
        shape = self.shape(tell[0])
        if len(tell) == 2:
            return len(shape) == tell[1]
        return len(shape) > tell[1] and shape[tell[1]] == tell[2]

    def first(self, rows: Iterable[Signature]) -> Signature | None:
        """The first row whose tells all hold."""
        return next((row for row in rows if all(map(self.holds, row.tells))), None)

    def count(self, name: str) -> int:
        """How many of the names that `name` makes of 0, 1, 2… are there, up to the first that isn't."""
        number = 0
        while self.has(name.format(number)):
            number += 1
        return number


def rows(*table: tuple[Tell, ...]) -> tuple[Signature, ...]:
    """The rows of a table, each written as family, variant and its tells."""
    return tuple(Signature(str(row[0]), str(row[1]), row[2:]) for row in table)
