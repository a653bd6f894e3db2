"""Workers in the order of when they will be free, for each thing that one can have: kept up, never made anew."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

RankEntry = tuple[float, float, int]
"""When it will be free, what else tells who is first, and its number."""
EVERYBODY: Hashable = None


class RankStanding(NamedTuple):
    """Where one stands: among those that are much like it, in the line of each group that it is in."""

    tier: Hashable
    entry: RankEntry
    groups: tuple[Hashable, ...]


class Rankings:
    """Numbers of workers, in a line for each group and tier. A change costs the groups that the worker is in."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, dict[Hashable, list[RankEntry]]] = {}
        self._standings: dict[int, RankStanding] = {}

    def __len__(self) -> int:
        return len(self._standings)

    def put(self, number: int, standing: RankStanding) -> None:
        """It stands there now, and nowhere else."""
        if self._standings.get(number) == standing:
            return
        self.drop(number)
        self._standings[number] = standing
        for group in standing.groups:
            insort(self._lines.setdefault(group, {}).setdefault(standing.tier, []), standing.entry)

    def drop(self, number: int) -> None:
        """It stands nowhere."""
        if (old := self._standings.pop(number, None)) is None:
            return
        for group in old.groups:
            line = self._lines[group][old.tier]
            del line[bisect_left(line, old.entry)]
            if not line:
                del self._lines[group][old.tier]
            if not self._lines[group]:
                del self._lines[group]

    def first(self, groups: Iterable[Hashable], most: int, suits: Callable[[int], bool]) -> Iterator[int]:
        """Of each tier of each group the first `most` that suit, each once."""
        asked: dict[int, bool] = {}
        for group in groups:
            for line in self._lines.get(group, {}).values():
                found = 0
                for *_, number in line:
                    if number not in asked:
                        asked[number] = suits(number)
                        if asked[number]:
                            yield number
                    found += asked[number]
                    if found == most:
                        break
