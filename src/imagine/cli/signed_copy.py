"""A picture that a command itself encodes, of one that its server signed: signed again, and what that says is kept."""

from __future__ import annotations

import os

from ..files.model_folders import home_from
from ..messages import in_english
from ..pictures.canonical import halves, joined
from ..pictures.looking.origins import cuts_signing
from ..provenance.identity import IdentityPlace, SigningIdentity, keep_first, stored
from ..provenance.library import is_there
from ..provenance.manifest import Provenance
from ..words.errors import ImagineError
from .console import warn


def signed_copy(made: bytes, original: bytes, provenance: Provenance, *, names_it: bool = True) -> bytes:
    """The file `made` of the file `original`; signed by this user where that is signed, and as it is where it isn't.

    What keeps it from being signed is a warning.
    """
    if not halves(original).cuts or not is_there():
        return made
    try:
        return joined(made, cuts_signing(made, provenance, own_identity(), original if names_it else None))
    except ImagineError as error:
        warn(error.note)
    except Exception as error:  # noqa: BLE001 - whatever the library makes of a server's file
        warn(in_english(f"the picture isn't signed again: {type(error).__name__}"))
    return made


def own_identity() -> SigningIdentity:
    """Who signs here; made now where nothing was signed yet. Raises ImagineError."""
    from ..provenance.certificates import made

    place = IdentityPlace(home_from(os.environ) / "provenance")
    if (found := stored(place)) is None:
        keep_first(place.folder, made())
        found = stored(place)
    assert found is not None, "it was just written"
    return found
