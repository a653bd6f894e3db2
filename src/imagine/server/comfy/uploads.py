"""Pictures that clients sent before they say what for: in memory, each client's own, within bounds. No file is made."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

Owner = tuple[str, str | None]
"""Whose something is: an address, and the name of its key."""
MOST = 64
"""Pictures of one client."""
MOST_BYTES = 64 * 2**20
"""Of one client's."""
MOST_IN_ALL = 256 * 2**20
"""Bytes of all clients'."""
KEPT = 3600.0
"""Seconds after which one that wasn't used goes."""
MAX_NAME = 200
"""Characters of a name, with its folder."""


class SentName(NamedTuple):
    """What a picture is called: a name, never a path of this machine."""

    name: str
    subfolder: str = ""
    type: str = "input"

    @property
    def path(self) -> str:
        """As nodes name it."""
        return f"{self.subfolder}/{self.name}" if self.subfolder else self.name


class SentPicture(NamedTuple):
    """A picture that is sound, and what is known of it."""

    data: bytes
    width: int
    height: int
    has_holes: bool = False
    mask: bytes = b""
    """Another picture, whose transparent pixels are this one's mask."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.data) + len(self.mask)


class SentPictures:
    """All of one server's. Used from one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[Owner, SentName], tuple[float, SentPicture]] = OrderedDict()

    def keep(self, owner: Owner, name: SentName, upload: SentPicture, *, overwrite: bool) -> SentName:
        """Keeps a picture under that name, or where that is another's, one with a number behind it; the oldest go."""
        self._forget_old()
        name = name if overwrite else self._free(owner, name, upload)
        self._kept.pop((owner, name), None)
        self._kept[owner, name] = (self._clock(), upload)
        self._keep_bounds(owner)
        return name

    def find(self, owner: Owner, name: SentName) -> SentPicture | None:
        """That picture, which is used now; None where it never was, or has gone."""
        self._forget_old()
        kept = self._kept.get((owner, name))
        if kept is None:
            return None
        self._kept.move_to_end((owner, name))
        self._kept[owner, name] = (self._clock(), kept[1])
        return kept[1]

    def names(self, owner: Owner) -> list[str]:
        """Those of one client, as nodes name them."""
        self._forget_old()
        return sorted(name.path for who, name in self._kept if who == owner and name.type == "input")

    def _free(self, owner: Owner, name: SentName, upload: SentPicture) -> SentName:
        stem, dot, ending = name.name.rpartition(".")
        stem, ending = (stem, dot + ending) if dot else (name.name, "")
        tried, number = name, 0
        while (known := self._kept.get((owner, tried))) is not None and known[1] != upload:
            number += 1
            tried = name._replace(name=f"{stem} ({number}){ending}")
        return tried

    def _keep_bounds(self, owner: Owner) -> None:
        own = [key for key in self._kept if key[0] == owner]
        while len(own) > 1 and (len(own) > MOST or self._bytes_of(own) > MOST_BYTES):
            del self._kept[own.pop(0)]
        while len(self._kept) > 1 and self._bytes_of([*self._kept]) > MOST_IN_ALL:
            self._kept.popitem(last=False)

    def _bytes_of(self, keys: list[tuple[Owner, SentName]]) -> int:
        return sum(self._kept[key][1].size for key in keys)

    def _forget_old(self) -> None:
        for key, (used, _) in list(self._kept.items()):
            if self._clock() - used < KEPT:
                break
            del self._kept[key]


def named(said: str, subfolder: str = "", type_: str = "input") -> SentName | None:
    """What `said` names: `name`, `folder/name`, or either with ` [type]` behind it; None for what leads elsewhere."""
    for known in ("input", "output", "temp"):
        if said.endswith(f" [{known}]"):
            said, type_ = said[: -len(known) - 3], known
    parts = [part for part in f"{subfolder}/{said}".replace("\\", "/").split("/") if part]
    odd = any(part in (".", "..") or not part.isprintable() for part in parts)
    if not parts or odd or type_ not in ("input", "output", "temp") or len(subfolder) + len(said) > MAX_NAME:
        return None
    return SentName(parts[-1], "/".join(parts[:-1]), type_)
