"""Which entries are the same bytes on the disk, under several names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ..words.entry import Entry


def names_of_the_same(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """By an entry's path, the names of others that lie in its very files, by hard links or by links; without those that
    share with nobody."""
    lying = defaultdict[tuple[int, int], list[Entry]](list)
    for entry in entries:
        for stamp in (stamp for stamp in entry.files if stamp.path.startswith(entry.path)):  # not those of its base
            lying[stamp.device, stamp.inode].append(entry)
    found = defaultdict[str, dict[str, None]](dict)
    for together in (each for each in lying.values() if len(each) > 1):
        for entry in together:
            found[entry.path] |= {other.name: None for other in together if other.path != entry.path}
    return {path: [*names] for path, names in found.items() if names}
