"""The order in which orders that wait are begun: of owners with the fewest at hand the one whose next came first.

So whoever has one isn't kept waiting by whoever has forty, and of one's own the turns alone decide: who moves one's own
passes nobody else.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class Waiter(NamedTuple):
    """An order that waits; a lower number came before. Of one's own with equal turns that goes first."""

    turn: float
    number: int
    owner: str


def line_of(waiting: Iterable[Waiter], at_hand: Mapping[str, int]) -> Iterator[Waiter]:
    """All of them as they will be begun, where `at_hand` says how many of each owner's have been, as if none of those
    ended before another's."""
    owned: dict[str, list[Waiter]] = defaultdict(list)
    for waiter in sorted(waiting):
        owned[waiter.owner].append(waiter)
    heads = [(at_hand.get(owner, 0), own[0].number, 0, owner) for owner, own in owned.items()]
    heapq.heapify(heads)
    while heads:
        begun, _, at, owner = heapq.heappop(heads)
        own = owned[owner]
        yield own[at]
        if at + 1 < len(own):
            heapq.heappush(heads, (begun + 1, own[at + 1].number, at + 1, owner))


def between(line: list[float], at: int) -> dict[int, float]:
    """The turn that comes to stand at place `at` among these turns, and those behind that have to make way for it: by
    their places in the line that has it."""
    before = line[at - 1] if at else None
    behind = line[at] if at < len(line) else None
    if before is None:
        return {0: 0.0 if behind is None else behind - 1.0}
    turn = before + 1.0 if behind is None else (before + behind) / 2
    if behind is None or before < turn < behind:
        return {at: turn}
    moved = {at: before + 1.0}
    for place, other in enumerate(line[at:], at + 1):
        if other > moved[place - 1]:
            break
        moved[place] = moved[place - 1] + 1.0
    return moved
