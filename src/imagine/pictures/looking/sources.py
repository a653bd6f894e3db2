"""Sources that were sent once to the process that signs with them, and are meant again: of four pictures of one photo,
of a strength that is tried out.

Both ends of the pipe keep by the same rule, so that the gateway knows what the process has without asking it.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from ...provenance.manifest import Ingredient, Relation

_MOST, _MOST_BYTES = 8, 32 * 2**20


class SourceHead(msgspec.Struct, frozen=True, kw_only=True):
    """A source in a request to sign: what it is to the picture, and whether its bytes follow or were kept."""

    title: str
    relation: Relation
    digest: str
    size: int
    sent: bool


class KeptSources:
    """The last few, by the SHA-256 of their files. The gateway keeps no bytes, only that they are there."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def head(self, source: Ingredient, digest: str) -> SourceHead:
        """How the gateway names a source, which the process has from then on."""
        sent, size = digest not in self._kept, len(source.data)
        if sent:
            self.keep(digest, size)
        else:
            self.known(digest)
        return SourceHead(title=source.title, relation=source.relation, digest=digest, size=size, sent=sent)

    def known(self, digest: str) -> bytes:
        """The file, which goes last from now on. Raises KeyError where it isn't there."""
        self._kept.move_to_end(digest)
        return self._kept[digest][1]

    def keep(self, digest: str, size: int, data: bytes = b"") -> None:
        """One more. The last one stays, however large it is."""
        self._kept[digest] = (size, data)
        while len(self._kept) > 1 and (
            len(self._kept) > _MOST or sum(each for each, _ in self._kept.values()) > _MOST_BYTES
        ):
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """There is none any more."""
        self._kept.clear()
