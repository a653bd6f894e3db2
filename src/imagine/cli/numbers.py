"""Numbers as they are typed: what no request can hold is refused there, by the option's name."""

from __future__ import annotations

import math
from typing import Any

import click

_LARGEST = 10**20
"""No request holds a whole number of more than twenty digits."""


class WholeNumber(click.types.IntParamType):
    """A whole number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does; fails for what is too big."""
        number = super().convert(value, param, ctx)
        if abs(number) >= _LARGEST:
            self.fail(f"a number of {len(str(abs(number)))} digits is too big.", param, ctx)
        return number


class RealNumber(click.types.FloatParamType):
    """A number with a fraction, which has an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does; fails for what is infinite or no number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{str(value)!r} is not a finite number.", param, ctx)
        return number


def finite(text: str) -> float | None:
    """The number that a text says; None where it says none, or one without an end."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
