"""Copies of pictures that somebody else was shown, for when the same are shown again: making one takes a while."""

from __future__ import annotations

from collections import OrderedDict

_MOST_BYTES = 8 * 2**20
"""Some forty of them."""


class ShownCopies:
    """The last few, by the digest of a picture's canonical bytes and the longest side that they may have."""

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def find(self, digest: str, largest: int) -> bytes | None:
        """The copy, which goes last from now on."""
        if (digest, largest) in self._kept:
            self._kept.move_to_end((digest, largest))
        return self._kept.get((digest, largest))

    def keep(self, digest: str, largest: int, copy: bytes) -> None:
        """One more; the oldest make way."""
        self._kept[digest, largest] = copy
        self._kept.move_to_end((digest, largest))
        while sum(map(len, self._kept.values())) > self._most:
            self._kept.popitem(last=False)
