"""What an owner can say of whoever has a key: what it is for, how much of the server it may use, how urgent it is."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Scope = Literal["generate", "models", "worker", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`generate`: draw, and see one's own; `models`: change which models there are, and which are loaded; `worker`: draw
for another server; `admin`: all."""
Priority = Literal["low", "normal", "high"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""From what can wait to what can't."""
USUAL: Priority = "normal"


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much whoever has a key may ask for; None is as much as everybody."""

    pictures_per_hour: int | None = None
    pictures_per_day: int | None = None
    megapixel_steps_per_hour: int | None = None
    """Millions of pixels times steps: 10 for 512×512 at 40 steps."""
    megapixel_steps_per_day: int | None = None
    orders: int | None = None
    """Those that have not ended, at one time."""
    at_once: int | None = None
    """Pictures that are made at one time; the others wait."""
    results_size: int | None = None
    """MB of its detached orders' pictures that are kept."""

    def __str__(self) -> str:
        said = msgspec.structs.asdict(self)
        return ", ".join(f"{name} {most}" for name, most in said.items() if most is not None)


def lower_of(one: Priority, other: Priority) -> Priority:
    """The one that can wait longer."""
    return min(one, other, key=PRIORITIES.index)
