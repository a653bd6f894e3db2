"""What our manifests say: who made a picture and of what. Nothing of the prompt, the machine or its user.

Actions and source types: https://spec.c2pa.org (actions), https://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import io
from typing import Any, Literal, NamedTuple

import msgspec

from .. import __version__
from .identity import SigningIdentity
from .library import context, library

PROGRAM = "Imagine"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_KINDS = {
    "created": ("c2pa.created", "trainedAlgorithmicMedia"),
    "edited": ("c2pa.edited", "compositeWithTrainedAlgorithmicMedia"),
    "composed": ("c2pa.created", "compositeWithTrainedAlgorithmicMedia"),
    "transcoded": ("c2pa.transcoded", ""),
    "enlarged": ("c2pa.resized", "algorithmicallyEnhanced"),
}


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """How a picture came about, as far as its manifest says it."""

    how: Literal["created", "edited", "composed", "transcoded", "enlarged"] = "created"
    """`edited`, `transcoded` and `enlarged` name their source, `composed` has one that can't be named."""
    model: str = ""

    def alone(self) -> Provenance:
        """The same without a source that it names."""
        return msgspec.structs.replace(self, how="created" if self.how == "created" else "composed")


class Ingredient(NamedTuple):
    """The file that a picture was made of."""

    data: bytes
    media_type: str


def signed(
    data: bytes, media_type: str, making: Provenance, identity: SigningIdentity, source: Ingredient | None = None
) -> bytes:
    """The file with a manifest, which keeps that of its source. Raises what the library raises."""
    c2pa = library()
    info = c2pa.C2paSignerInfo(b"es256", identity.certificates.encode(), identity.key.encode(), None)
    builder = c2pa.Builder(_claimed(making), context=context())
    if source is not None:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        named = {"title": "source", "relationship": "parentOf"}
        builder.add_ingredient(named, source.media_type, io.BytesIO(source.data))
    out = io.BytesIO()
    builder.sign(c2pa.Signer.from_info(info), media_type, io.BytesIO(data), out)
    return out.getvalue()


def _claimed(making: Provenance) -> dict[str, Any]:
    agent = {"name": PROGRAM, "version": __version__}
    action, source_type = _KINDS[making.how]
    done: dict[str, Any] = {"action": action, "softwareAgent": agent}
    if source_type:
        done["digitalSourceType"] = SOURCE_TYPES + source_type
    if making.model:
        done["description"] = f"model {making.model}"
    return {
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [done]}}],
    }
