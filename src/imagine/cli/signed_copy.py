"""A picture that a command itself encodes, of one that its server signed: signed again, and what that says is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..files.model_folders import home_from
from ..messages import in_english
from ..pictures.canonical import halves, joined
from ..pictures.looking.origins import cuts_signing, ingredient
from ..provenance.identity import IdentityPlace, SigningIdentity, keep_first, stored
from ..provenance.library import is_there
from ..provenance.manifest import Provenance, Relation
from ..words.errors import ImagineError
from .console import warn

_MOST_NAMED = 8
"""Pictures of a sheet: what each is adds some kB to it."""


def signed_copy(
    made: bytes, originals: Sequence[bytes], provenance: Provenance, relation: Relation = "parentOf"
) -> bytes:
    """The file `made` of others, the first of which it names; signed by this user where one of them is signed.

    What keeps it from being signed is a warning.
    """
    if not is_there() or not any(halves(original).cuts for original in originals):
        return made
    title = "source" if relation == "parentOf" else "picture"
    made_of = [ingredient(original, title, relation) for original in originals[:_MOST_NAMED]]
    try:
        return joined(made, cuts_signing(made, provenance, own_identity(), made_of))
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
