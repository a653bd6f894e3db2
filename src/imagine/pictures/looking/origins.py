"""What else is done with untrusted pictures apart from the gateway: where one comes from, and one signed as made of it.

Both read a stranger's manifest with native code. A new identity is made here too, since what makes it stays in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ...messages import message
from ...provenance import certificates
from ...provenance.identity import SigningIdentity
from ...provenance.manifest import Ingredient, Provenance, Relation, signed
from .. import containers, images
from ..canonical import Cut, halves
from .inspection import inspected, with_pixels
from .look import LookRequest, LookResult
from .pixels import pixels_of
from .sources import KeptSources, SourceHead


class InspectRequest(msgspec.Struct, frozen=True, kw_only=True, tag="inspect"):
    """Say where the picture in the `size` bytes that follow comes from; `roots` are ours."""

    size: int
    field: str
    roots: str


class SignRequest(msgspec.Struct, frozen=True, kw_only=True, tag="sign"):
    """Sign the first `picture` of the `size` bytes that follow; behind it come those of the sources that are sent."""

    size: int
    picture: int
    field: str
    making: Provenance
    identity: SigningIdentity
    made_of: tuple[SourceHead, ...]
    fresh: bool = False
    """What was kept of sources before counts for nothing."""


class IdentityRequest(msgspec.Struct, frozen=True, kw_only=True, tag="identity"):
    """Make a new identity."""

    @property
    def size(self) -> int:
        """Nothing follows."""
        return 0

    @property
    def field(self) -> str:
        """Nothing is asked of a field."""
        return "provenance"


AskedApart = LookRequest | InspectRequest | SignRequest | IdentityRequest


def inspect(request: InspectRequest, data: bytes) -> tuple[LookResult, bytes]:
    """An `Inspection` as msgpack. Raises BadPicture for what is no picture."""
    layout = images.outline(data, request.field)
    told = with_pixels(inspected(data, request.roots), pixels_of(data), ended=layout.ended)
    return _with(msgspec.msgpack.encode(told))


def sign(request: SignRequest, data: bytes, kept: KeptSources) -> tuple[LookResult, bytes]:
    """The cuts that sign it as msgpack; refused where a source is nothing that the library can read."""
    if request.fresh:
        kept.forget()
    try:
        made_of = list(_sources(request, data, kept))
        cuts = cuts_signing(data[: request.picture], request.making, request.identity, made_of)
    except Exception:  # noqa: BLE001 - whatever a library makes of a stranger's file, the picture isn't signed with it
        return LookResult(refused=message("provenance.source", request.field)), b""
    return _with(msgspec.msgpack.encode(cuts))


def _sources(request: SignRequest, data: bytes, kept: KeptSources) -> Iterator[Ingredient]:
    """Each source, as it came or as it was kept. Raises KeyError for one that is neither."""
    at = request.picture
    for head in request.made_of:
        if head.sent:
            kept.keep(head.digest, head.size, data[at : at + head.size])
            at += head.size
        yield ingredient(kept.known(head.digest), head.title, head.relation)


def ingredient(data: bytes, title: str = "source", relation: Relation = "parentOf") -> Ingredient:
    """A picture's file as something that another was made of, or with."""
    return Ingredient(data, _media_type(data), title, relation)


def cuts_signing(
    canonical: bytes, making: Provenance, identity: SigningIdentity, made_of: Sequence[Ingredient] = ()
) -> tuple[Cut, ...]:
    """What makes a canonical file a signed one. Raises what the library raises, ValueError where it changed more."""
    whole = halves(signed(canonical, _media_type(canonical), making, identity, made_of))
    if whole.canonical != canonical:
        raise ValueError("the library changed more of the file than it said")
    return whole.cuts


def _media_type(data: bytes) -> str:
    return f"image/{containers.sniff(data)}"


def identity() -> tuple[LookResult, bytes]:
    """A new identity as PEM."""
    return _with(certificates.made())


def _with(answer: bytes) -> tuple[LookResult, bytes]:
    return LookResult(size=len(answer)), answer
