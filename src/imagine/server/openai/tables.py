"""What this dialect's `quality` and `style` mean here. docs/openai.md shows the same tables; a test compares them."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...asking.request import MAX_STEPS, MIN_SIDE


class Quality(NamedTuple):
    """What a quality asks for, and the name that replies call it by."""

    steps: float
    """Times the steps that are usual for the model."""
    second_pass: bool
    name: str


QUALITIES = {
    "low": Quality(0.5, second_pass=False, name="low"),
    "standard": Quality(1, second_pass=False, name="medium"),
    "medium": Quality(1, second_pass=False, name="medium"),
    "auto": Quality(1, second_pass=False, name="medium"),
    "hd": Quality(1.6, second_pass=True, name="high"),
    "high": Quality(1.6, second_pass=True, name="high"),
    "xhigh": Quality(2, second_pass=True, name="xhigh"),
    "max": Quality(3, second_pass=True, name="max"),
}
STYLES = {"vivid": "vivid", "natural": "natural"}
"""A style, and the preset that it is."""
ENLARGED = (1.2, 3.0)
"""A second pass pays where a size is so many times the model's own; beyond, the model repeats itself."""
STRENGTH = 0.7
"""Of an edit without a mask, a reference or a variation."""
STRENGTH_IN_MASK = 1.0
STRENGTH_OF_SEEN = 1.0
"""Of an edit by a model that sees the picture as it is: it needs nothing of it left in the noise."""


class Usual(NamedTuple):
    """What the model would be asked for by who says nothing: the side of its own square, and its steps; what its sides
    are multiples of, and whether it sees pictures as they are."""

    side: int
    num_steps: int
    multiple: int = 8
    sees: bool = False


def steps_of(quality: Quality, usual: Usual) -> int | None:
    """The steps to ask for; None where they are the usual ones."""
    if quality.steps == 1:
        return None
    return min(MAX_STEPS, max(1, math.ceil(usual.num_steps * quality.steps)))


def second_pass_of(width: int, height: int, usual: Usual) -> tuple[int, int, float] | None:
    """A size and a scale that make exactly `width` × `height`: painted near the model's own size, then again enlarged.

    None where the size is too near the model's own, too far beyond it, or has no smaller one of its shape.
    """
    unit = 1 if width % usual.multiple or height % usual.multiple else usual.multiple
    across, down = width // unit, height // unit
    parts = math.gcd(across, down)
    sizes = [(across * k // parts * unit, down * k // parts * unit, parts / k) for k in range(1, parts)]
    useful = [each for each in sizes if ENLARGED[0] <= each[2] <= ENLARGED[1] and min(each[:2]) >= MIN_SIDE]
    if not useful or not ENLARGED[0] <= math.sqrt(width * height) / usual.side <= ENLARGED[1]:
        return None
    return min(useful, key=lambda each: abs(math.log(each[0] * each[1] / usual.side**2)))
