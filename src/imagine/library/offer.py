"""What a site offers: files with their sizes and digests as it says them, at one revision, under a licence."""

from __future__ import annotations

from typing import Literal

import msgspec

SiteName = Literal["hub", "civitai"]


class RemoteFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that can be fetched. Of its digests one is enough, and what isn't known is "" or 0."""

    site: SiteName
    url: str
    name: str
    """Its path where it is published."""
    size: int = 0
    """In bytes."""
    sha256: str = ""
    blob: str = ""
    """Git's own digest of it, where it lies in git itself: the SHA-1 of `blob SIZE\\0` and the file."""

    @property
    def last(self) -> str:
        """Its name without the folders."""
        return self.name.rpartition("/")[2]


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source has."""

    source: str
    """As a user would name it."""
    revision: str
    """The commit, or the version's number."""
    page: str
    """Where a person reads of it, and agrees to its terms."""
    files: tuple[RemoteFile, ...]
    title: str = ""
    licence: str = ""
