"""What families need of a card's memory: the planner's verdicts on the files that people have, as tables in `docs/`."""

from __future__ import annotations

from imagine.cli.table import size_of
from imagine.families.memory import Way, Workload, attends, beside_bytes, verdict, working_memory
from imagine.families.published_sizes import PUBLISHED, AsFiles
from imagine.families.table import facts_of

CARDS = (6, 8, 12, 16, 24)
"""Sizes of cards, in GB of 2³⁰ bytes as their makers count."""
CONTEXT = 600_000_000
"""What a CUDA context with its kernels takes of a card before any weight, about: others' figures are 0.4 to 0.6 GB."""


def rows() -> list[list[str]]:
    """For each of the files and works: weights, minimum, comfortable, and the way on each of the cards."""
    return [_row(files, work, beside) for files in PUBLISHED for work, beside in _works(files)]


def needs(family: str) -> str:
    """What the family's files take for one picture of its own size: the least, and with all of it on the device."""
    rows = {files.called: _row(files, _works(files)[0][0], "") for files in PUBLISHED if files.family == family}
    spans = {called: f"{least} to {most}" for called, (_, least, most, *_) in rows.items()}
    return "; ".join(f"{called}: {span}" if len(spans) > 1 else span for called, span in spans.items())


def _works(files: AsFiles) -> list[tuple[Workload, str]]:
    facts = facts_of(files.family)
    side = facts.side(variant=files.variant)
    works = [(Workload(side, side), "")]
    if beside_bytes(facts, files.variant).control:
        works.append((Workload(side, side, control=True), "a ControlNet"))
    if beside_bytes(facts, files.variant).reference or attends(facts, files.variant):
        works += [(Workload(side, side, references=count), f"{count} reference{'s' * (count > 1)}") for count in (1, 3)]
    return works


def _row(files: AsFiles, work: Workload, beside: str) -> list[str]:
    facts = facts_of(files.family)
    guidance = facts.variants.get(files.variant, facts.defaults).guidance
    ways: list[Way | None] = []
    for card in CARDS:
        left = working_memory(card * 2**30)
        room = card * 2**30 - CONTEXT - left
        ways.append(verdict(facts, files.sizes, work, room, variant=files.variant, guidance=guidance, left=left).way)
    made = verdict(facts, files.sizes, work, 0, variant=files.variant, guidance=guidance)
    first = [f"{files.called}, {work.width}²" + (f", {beside}" if beside else "")]
    return [*first, size_of(made.minimum), size_of(made.comfortable), *(way or "—" for way in ways)]


HEADER = ("files, picture", "minimum", "comfortable", *(f"{card} GB" for card in CARDS))
