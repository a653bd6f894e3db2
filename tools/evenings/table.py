"""What was counted, as the tables of docs/evenings.md."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.evenings.elsewhere import STEPS
from tools.evenings.person import Step

HEAD = "| step | here | InvokeAI | there, by its documentation |\n| --- | --- | --- | --- |"


def written(text: str, name: str, steps: Sequence[Step]) -> str:
    """The page with one evening's table anew: between `<!-- counted: NAME -->` and `<!-- counted end -->`."""
    rows = [
        f"| {step.name} | {step.total}: {said(step)} | {there.acts} | {there.how} ({', '.join(there.where)}) |"
        for step, there in zip(steps, STEPS[name], strict=True)
    ]
    here, elsewhere = sum(step.total for step in steps), sum(there.acts for there in STEPS[name])
    table = "\n".join([HEAD, *rows, f"| **in all** | **{here}** | **{elsewhere}** | |"])
    found, made = rf"(<!-- counted: {name} -->\n).*?(\n<!-- counted end -->)", rf"\g<1>{table}\g<2>"
    new, times = re.subn(found, made, text, flags=re.DOTALL)
    assert times == 1, f"docs/evenings.md has one place for {name}"
    return new


def said(step: Step) -> str:
    """`3 clicks, 1 key`."""
    return ", ".join(f"{n} {kind if n > 1 else kind[:-1]}" for kind, n in step.acts.items())
