"""What tells one kind of file from another: its tensors, and the shapes that they have, held against rows of tells.

A row holds where all of its tells do (`families.facts.Tell`); the first row that holds is it, so the more particular
ones stand first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..families.facts import FamilyFacts, Signature, Tell
from .header import TensorInfo


class Detected(NamedTuple):
    """What a file is. `family` and `variant` are "" where the tensors don't tell."""

    kind: str
    family: str = ""
    variant: str = ""


class Row(NamedTuple):
    """One row of a table of what isn't any family's, or of what is told without one."""

    family: str
    variant: str
    tells: tuple[Tell, ...]


class TensorView:
    """A header's tensors under one prefix; `flat` is the way EMA copies are named, with every dot left out."""

    def __init__(self, tensors: Mapping[str, TensorInfo], prefix: str = "", *, flat: bool = False) -> None:
        self.tensors = tensors
        self.prefix = prefix
        self.flat = flat

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the tensor `name`, or () where there is none."""
        info = self.tensors.get(self._full(name))
        return info.shape if info else ()

    def has(self, *names: str) -> bool:
        return all(self._full(name) in self.tensors for name in names)

    def holds(self, tell: Tell) -> bool:
        if isinstance(tell, str):
            return self._full(tell[1:]) not in self.tensors if tell[0] == "!" else self._full(tell) in self.tensors
        shape = self.shape(tell[0])
        if len(tell) == 2:
            return len(shape) == tell[1]
        return len(shape) > tell[1] and shape[tell[1]] == tell[2]

    def _full(self, name: str) -> str:
        return self.prefix + (name.replace(".", "") if self.flat else name)

    def first(self, rows: Iterable[Row]) -> Row | None:
        """The first row whose tells all hold."""
        return next((row for row in rows if all(map(self.holds, row.tells))), None)

    def first_family(self, families: Iterable[tuple[FamilyFacts, Iterable[Signature]]]) -> Row | None:
        """The first of the families' signatures that holds."""
        for facts, signatures in families:
            for signature in signatures:
                if all(map(self.holds, signature.tells)):
                    return Row(facts.name, signature.variant, signature.tells)
        return None


def rows(*table: tuple[Tell, ...]) -> tuple[Row, ...]:
    """The rows of a table, each written as family, variant and its tells."""
    return tuple(Row(str(row[0]), str(row[1]), row[2:]) for row in table)
