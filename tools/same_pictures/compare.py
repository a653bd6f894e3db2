"""Two sets of records compared: which pictures, recipes and answers are no longer what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tools.same_pictures.records import Record, Records

SAME, MENDED = "same", "mended"
_FINE = (SAME, MENDED)


class Row(NamedTuple):
    """How one record fared; `words` are on warnings where the verdict is `SAME`."""

    name: str
    verdict: str
    words: str = ""

    @property
    def lost(self) -> bool:
        return self.verdict not in _FINE


def compared(before: Records, after: Records, mended: Iterable[str] = ()) -> list[Row]:
    """A row for each record of either set. `mended` are fields of recipes and answers that were changed on purpose."""
    allowed = frozenset(mended)
    names = [*before, *(name for name in after if name not in before)]
    return [_row(name, before.get(name), after.get(name), allowed) for name in names]


def _row(name: str, before: Record | None, after: Record | None, mended: frozenset[str]) -> Row:
    if before is None or after is None:
        return Row(name, "MISSING", "was not there before" if before is None else "is not there after")
    if "refused" in after or "refused" in before:
        return Row(name, "REFUSED", after.get("refused") or "before, and is now made")
    if ("answer" in before) != ("answer" in after):
        return Row(name, "ANSWER", "a picture against an answer")
    return _answer(name, before, after, mended) if "answer" in before else _picture(name, before, after, mended)


def _answer(name: str, before: Record, after: Record, mended: frozenset[str]) -> Row:
    """What was said has to be said still; more may be."""
    changes = dict(_changes(before["answer"], after["answer"]))
    changes = {path: words for path, words in changes.items() if words != _NEW}
    return _verdict(name, "ANSWER", changes, mended)


def _picture(name: str, before: Record, after: Record, mended: frozenset[str]) -> Row:
    if before["pixels"] != after["pixels"]:
        sizes = [tuple(record["size"]) for record in (before, after)]
        return Row(name, "PIXELS", "" if sizes[0] == sizes[1] else f"{sizes[0]} is now {sizes[1]}")
    changes = dict(_changes(before["meta"], after["meta"]))
    if changes:
        return _verdict(name, "RECIPE", changes, mended)
    if before["file"] != after["file"]:
        return Row(name, "FILE", "the same pixels and recipe in other bytes")
    said, says = before["warnings"], after["warnings"]
    return Row(name, SAME, "" if said == says else f"warnings {said} are now {says}")


def _verdict(name: str, kind: str, changes: dict[str, str], mended: frozenset[str]) -> Row:
    """`changes` are words by path; those of a field in `mended`, wherever it stands, are fine."""
    left = {path: words for path, words in changes.items() if not mended & set(path.split("."))}
    words = "; ".join(f"{path}: {words}" for path, words in (left or changes).items())
    return Row(name, kind if left else MENDED if changes else SAME, words)


_NEW = "is new"


def _changes(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Paths within two JSON values at which they differ, and how."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            at = f"{path}.{key}" if path else str(key)
            if key not in after:
                yield at, f"{_short(before[key])} is gone"
            elif key not in before:
                yield at, _NEW
            else:
                yield from _changes(before[key], after[key], at)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changes(one, other, f"{path}[{number}]")
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path, f"{_short(before)} is now {_short(after)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def table(rows: list[Row]) -> str:
    """Markdown: how many of each kind fared how, and a line for each that isn't plainly the same."""
    kinds = Counter((row.name.partition("/")[0], row.verdict) for row in rows)
    lines = ["| kind | verdict | records |", "| --- | --- | --- |"]
    lines += [f"| {kind} | {verdict} | {count} |" for (kind, verdict), count in sorted(kinds.items())]
    notable = [row for row in rows if row.lost or row.words]
    lines += ["", *(f"{row.verdict}  {row.name}  {row.words}" for row in notable)] if notable else []
    lost = sum(row.lost for row in rows)
    return "\n".join([*lines, "", f"{len(rows)} records, {len(rows) - lost} as before, {lost} not"])
