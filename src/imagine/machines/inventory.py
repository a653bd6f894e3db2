"""What a machine has, by the digests of its files' content: what it says that it holds, and finds a job's files by.

Digests are made lazily: `look` makes them of what is new, a file at a time, and the registry keeps them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import msgspec

from ..registry.registry import Registry
from ..words.entry import Entry
from ..words.errors import UnusableModel
from ..words.model import Component, WeightsFormat
from .portable import PartAbsent


class Inventory:
    """Of one registry. `look` is for one thread at a time; whatever else, for any."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._by_digest: dict[str, Entry] = {}

    @property
    def digests(self) -> frozenset[str]:
        """Of every file that is known to be here."""
        return frozenset(self._by_digest)

    def look(self, told: Callable[[], object] = lambda: None) -> None:
        """Looks again, where anything has changed. `told` is called after each digest that had to be made, so that
        what is known early can be said early; it may raise to end the look. Raises OSError where a folder can't be
        read.
        """
        if not self._registry.is_current():
            self._registry.refresh()
        usable = [entry for entry in self._registry.files() if not entry.is_named and entry.problem is None]
        kept = {entry.path: entry for entry in usable if entry.digest}
        self._by_digest = _by_digest(kept)
        for entry in usable:
            if not entry.digest and (made := self._digested(entry)) is not None:
                kept[made.path] = made
                self._by_digest = _by_digest(kept)
                told()

    def find(self, part: Component) -> Component:
        """The file of that content as it lies here. Raises PartAbsent."""
        entry = self._entry(part)
        kind: WeightsFormat = "safetensors" if entry.format == "other" else entry.format
        return msgspec.structs.replace(part, path=entry.path, files=entry.files, format=kind, sizes=entry.sizes)

    def family_of(self, part: Component) -> str:
        """Of what the file is, as it is told here. Raises PartAbsent."""
        return self._entry(part).family

    def name_of(self, part: Component) -> str:
        """What the file is called here. Raises PartAbsent."""
        return self._entry(part).name

    def _entry(self, part: Component) -> Entry:
        entry = self._by_digest.get(part.digest)
        if entry is None:
            raise PartAbsent(part)
        return entry

    def _digested(self, entry: Entry) -> Entry | None:
        with contextlib.suppress(UnusableModel):  # it is being written, or can't be read: the next look may find it so
            return self._registry.with_digest(entry)
        return None


def _by_digest(entries: dict[str, Entry]) -> dict[str, Entry]:
    """The first of several copies, by name."""
    return dict(_in_order(entries))


def _in_order(entries: dict[str, Entry]) -> Iterator[tuple[str, Entry]]:
    for entry in sorted(entries.values(), key=lambda entry: entry.name, reverse=True):
        yield entry.digest, entry
