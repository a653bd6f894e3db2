"""What `--lora NAME:WEIGHT` says, checked where it is typed, and how a request says it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from .numbers import finite

WEIGHTS = ("weight", "clip_weight")


class LoraName(click.types.StringParamType):
    """`ink`, `ink:0.8`, or `ink:0.8:0.5`, where the second number weighs what it does to text encoders."""

    name = "name[:weight]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text as it is; fails where a weight is none."""
        typed = str(super().convert(value, param, ctx))
        for name, text in zip(WEIGHTS, typed.split(":")[1:], strict=False):
            if finite(text) is None:
                self.fail(f"{text!r} is no {name}: it is said as ink:0.8, or as ink:0.8:0.5.", param, ctx)
        if typed.count(":") > len(WEIGHTS):
            self.fail(f"{typed!r} has more than two weights.", param, ctx)
        return typed


def loras_typed(typed: Iterable[str]) -> list[dict[str, Any]]:
    """The LoRAs, as a request asks for them; the empty text is none."""
    asked: list[dict[str, Any]] = []
    for text in filter(None, typed):
        name, *weights = text.split(":")
        asked.append({"name": name} | dict(zip(WEIGHTS, map(finite, weights), strict=False)))
    return asked
