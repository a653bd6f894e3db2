"""Who signs here: a key and its certificates, in one file for this user alone, and the roots of those before it."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..files.folders import make_own
from ..files.reading import read_text
from ..files.writing import TEMPORARY, write_atomically
from ..messages import message
from ..words.errors import ImagineError

IDENTITY, ROOTS = "identity.pem", "roots.pem"
_MOST_TEXT = 2**16
_MOST_ROOTS = 32
"""Of identities before: each is some 700 bytes, and is told to whatever reads a picture."""
_PEM = re.compile(r"-----BEGIN ([A-Z ]{1,40})-----[A-Za-z0-9+/=\s]{1,20000}-----END \1-----")


class SigningIdentity(NamedTuple):
    """What pictures are signed with, as PEM."""

    key: str
    certificates: str
    """The leaf first, the root last."""
    roots: str
    """What is ours: this root, and those of the identities before."""


class IdentityPlace(NamedTuple):
    """Where an identity lies: a folder of ours, or the two files of an owner who has certificates already."""

    folder: Path
    certificates: Path | None = None
    key: Path | None = None

    @property
    def is_own(self) -> bool:
        """Are they the owner's, and not to be made here?"""
        return self.certificates is not None

    @property
    def files(self) -> tuple[Path, ...]:
        """What is to be read."""
        if self.certificates is not None and self.key is not None:
            return (self.key, self.certificates)
        return (self.folder / IDENTITY,)


def stored(place: IdentityPlace) -> SigningIdentity | None:
    """The identity that is there; None where none was made yet. Raises ImagineError for what can't be used."""
    if not place.is_own and not (place.folder / IDENTITY).exists():
        return None
    texts = [read_text(path, _MOST_TEXT, field="provenance") for path in place.files]
    return identity_from("\n".join(texts), _before(place.folder), str(place.files[-1]))


def roots_at(place: IdentityPlace) -> str:
    """What is ours, as PEM; nothing where nobody signed yet. Raises ImagineError for what can't be used."""
    found = stored(place)
    return "" if found is None else found.roots


def known_before(folder: Path) -> int:
    """How many identities there were before whose pictures are still known."""
    return len(_PEM.findall(_before(folder)))


def identity_from(pem: str, before: str, where: str) -> SigningIdentity:
    """What a PEM holds, and the roots `before`. Raises ImagineError, which says `where`, for what isn't an identity."""
    blocks = [(match[1], match[0]) for match in _PEM.finditer(pem)]
    keys = [text for kind, text in blocks if kind.endswith("PRIVATE KEY")]
    certificates = [text for kind, text in blocks if kind == "CERTIFICATE"]
    if len(keys) != 1 or not certificates:
        raise ImagineError(message("provenance.no_identity", "provenance", path=where))
    return SigningIdentity(keys[0] + "\n", "\n".join(certificates) + "\n", certificates[-1] + "\n" + before)


def keep_first(folder: Path, pem: bytes) -> None:
    """Writes down an identity where there is none yet; one that another process was quicker with stays.

    Raises ImagineError where that can't be.
    """
    path = folder / f"{TEMPORARY}{secrets.token_hex(8)}.tmp"
    try:
        make_own(folder)
        write_atomically(path, pem, mode=0o600)
        try:
            _take_the_place(path, folder / IDENTITY)
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(folder, error) from error


def _take_the_place(path: Path, place: Path) -> None:
    """Gives a file a name that nobody has, and leaves it where somebody has it. Raises OSError."""
    try:
        os.link(path, place)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not place.exists():
            path.replace(place)


def replace(folder: Path, pem: bytes) -> None:
    """Writes down a new identity in place of the one before, whose root stays known unless that can't be read.

    Raises ImagineError where it can't be written.
    """
    try:
        current = stored(IdentityPlace(folder))
    except ImagineError:  # it is what is to be replaced
        current = None
    try:
        make_own(folder)
        if current is not None:
            roots = [match[0] for match in _PEM.finditer(current.roots)][:_MOST_ROOTS]
            write_atomically(folder / ROOTS, ("\n".join(roots) + "\n").encode(), mode=0o600)
        write_atomically(folder / IDENTITY, pem, mode=0o600)
    except OSError as error:
        raise _unwritten(folder, error) from error


def roots_or_none(place: IdentityPlace, say: Callable[[ImagineError], object]) -> str:
    """As `roots_at`; nothing where that can't be used, and says so."""
    try:
        return roots_at(place)
    except ImagineError as error:
        say(error)
        return ""


def _before(folder: Path) -> str:
    path = folder / ROOTS
    return read_text(path, _MOST_TEXT, field="provenance") if path.exists() else ""


def _unwritten(folder: Path, error: OSError) -> ImagineError:
    why = (error.strerror or type(error).__name__).lower()
    return ImagineError(message("provenance.unwritten", "provenance", path=str(folder), why=why))
