"""`imagine run --assist-ask`: the assistant's plan for a wish is shown, and can be changed, before it is painted."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from .console import note, warn
from .numbers import finite

if TYPE_CHECKING:
    from ..client.client import Client

_FIELDS = {"prompt": "prompt", "negative": "neg", "strength": "strength", "steps": "num_steps",
           "guidance": "guidance", "sampler": "sampler"}  # fmt: skip
"""What of a plan can be changed, and what a request calls it."""
_NUMBERS = ("strength", "steps", "guidance")
_TOLD = ("change", "keep", "control", "preset", "loras", "description", "why")
_QUESTION = "Paint it? [Enter] yes, [e] change it first, [n] no: "
_HELP = "# What stands behind a name is sent as it is; nothing there leaves it to the server."


def agreed(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """The request for what somebody at the terminal agrees to. Raises click.Abort where they don't, click.UsageError
    where nobody is there or what they typed can't be, ImagineError."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("--assist-ask asks at a terminal, and here is none; --assist doesn't ask.")
    plan = client.plan({name: value for name, value in body.items() if name not in ("assist", "stream", "progress")})
    for warning in plan.get("warnings", []):
        warn(warning)
    text = written(plan)
    note(text, lines=True)
    while answer := input(_QUESTION).strip().lower():
        if answer.startswith("n"):
            raise click.Abort
        if answer.startswith("e"):
            text = click.edit(f"{_HELP}\n{text}", extension=".yaml", require_save=False) or text
            note(written(plan | read(text)), lines=True)
    return with_plan(body, plan, read(text))


def written(plan: Mapping[str, Any]) -> str:
    """The plan, a line each; what can't be changed is a remark."""
    lines = [f"{name}: {_plain(plan.get(name))}".rstrip() for name in _FIELDS]
    told = [f"# {name}: {_plain(plan[name])}" for name in _TOLD if plan.get(name)]
    return "\n".join([*lines, *told])


def read(text: str) -> dict[str, Any]:
    """What such lines say. Raises click.UsageError for one that says nothing known."""
    said: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or name not in _FIELDS:
            raise click.UsageError(f"{line.strip()[:60]!r} is none of {', '.join(_FIELDS)}.")
        said[name] = _number(name, value) if name in _NUMBERS and value else value or None
    return said


def with_plan(body: Mapping[str, Any], plan: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The request with what was agreed to: the wish's pictures, the plan's settings, and what was changed in them."""
    asked = dict(plan.get("request", {}))
    for name, field in _FIELDS.items():
        if said.get(name) is None:
            asked.pop(field, None)
        else:
            asked[field] = said[name]
    if "img" in body:
        asked |= {"control": [one | {"image": body["img"]} for one in asked["control"]]} if "control" in asked else {}
    spoken_for = {*_FIELDS.values(), "assist", "description", "preset"}
    return {name: value for name, value in body.items() if name not in spoken_for} | {"prompt": body["prompt"]} | asked


def _number(name: str, value: str) -> float:
    number = finite(value)
    if number is None:
        raise click.UsageError(f"{name} is {value[:40]!r}; it must be a number.")
    return round(number) if name == "steps" else number


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
