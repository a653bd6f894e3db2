"""What our manifests say: who made a picture and of what. Nothing of the prompt, the machine or its user.

Actions and source types: https://spec.c2pa.org (actions), https://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
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
    """`edited`, `transcoded` and `enlarged` name their source, `composed` its parts, unless these can't be named."""
    model: str = ""

    def alone(self) -> Provenance:
        """The same without a source that it names."""
        return msgspec.structs.replace(self, how="created" if self.how == "created" else "composed")


Relation = Literal["parentOf", "inputTo", "componentOf"]
"""What an ingredient is to a picture: its source, something that a model was shown, a part."""


class Ingredient(NamedTuple):
    """A file that a picture was made of, or with."""

    data: bytes
    media_type: str
    title: str = "source"
    relation: Relation = "parentOf"


def signed(
    data: bytes, media_type: str, making: Provenance, identity: SigningIdentity, made_of: Sequence[Ingredient] = ()
) -> bytes:
    """The file with a manifest, which keeps those of its ingredients. Raises what the library raises."""
    c2pa = library()
    beside = {f"{each.title} {number}": each for number, each in enumerate(made_of)}
    shown = [label for label, each in beside.items() if each.relation != "parentOf"]
    builder = c2pa.Builder(_claimed(making, shown), context=_context())
    if len(shown) < len(beside):
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    for label, each in beside.items():
        named = {"title": each.title, "relationship": each.relation, "label": label}
        builder.add_ingredient(named, each.media_type, io.BytesIO(each.data))
    out = io.BytesIO()
    builder.sign(_signer(identity), media_type, io.BytesIO(data), out)
    return out.getvalue()


@functools.lru_cache(maxsize=1)
def _context() -> Any:
    return context()


@functools.lru_cache(maxsize=2)
def _signer(identity: SigningIdentity) -> Any:
    """What signs as the identity: to read its key and certificates takes a quarter of a signature's time."""
    c2pa = library()
    info = c2pa.C2paSignerInfo(b"es256", identity.certificates.encode(), identity.key.encode(), None)
    return c2pa.Signer.from_info(info)


def _claimed(making: Provenance, shown: Sequence[str] = ()) -> dict[str, Any]:
    """What the manifest says; `shown` are the labels of ingredients that the action itself took."""
    agent = {"name": PROGRAM, "version": __version__}
    action, source_type = _KINDS[making.how]
    done: dict[str, Any] = {"action": action, "softwareAgent": agent}
    if source_type:
        done["digitalSourceType"] = SOURCE_TYPES + source_type
    if making.model:
        done["description"] = f"model {making.model}"
    actions, took = [done], {"ingredientIds": list(shown)}
    if shown and making.how == "composed":
        actions.append({"action": "c2pa.placed", "parameters": took})
    elif shown:
        done["parameters"] = took
    return {
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}],
    }
