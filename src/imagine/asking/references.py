"""Pictures that a request wants the result to be like: for image adapters, or to start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from ..families.table import is_published_width
from ..messages import message
from ..words.beside import REDUX, TIMED
from ..words.entry import Entry
from ..words.errors import BadRequest, Unsupported
from ..words.model_names import OWN
from ..words.recipe import REFERENCE_STRENGTH, BlockWeights, Box, Combine, Reference, ReferenceCrop, ReferenceKind
from .controls import PICTURE, Fraction
from .names import Digest, ModelName

MAX_REFERENCES = 8
"""Of one picture."""
WHOLE = 1.0
"""Of a picture that a model is shown itself."""
VARIATION = 0.3
_FACE = 512
"""Numbers of a face's embedding."""
_NUMBERS = {"allowed": message("allowed.face", count=_FACE)}
_BOX = {"allowed": message("allowed.box")}
ReferenceStrength = Annotated[float, Meta(ge=0, le=2)]

REFERENCE_ALIASES = {"weight": "strength", "image": "img", "model": "adapter"}
"""Other names of its parts."""
_USUAL_WEIGHTS: Mapping[str, BlockWeights] = {"style": "style", "content": "composition"}
_PROPER: Mapping[str, Mapping[str, str]] = {
    "stable_diffusion": {"": "ip-adapter-plus_sd15.safetensors", "face": "ip-adapter-plus-face_sd15.safetensors"},
    "sdxl": {"": "ip-adapter-plus_sdxl_vit-h.safetensors", "face": "ip-adapter-plus-face_sdxl_vit-h.safetensors"},
    "flux": {"": "flux1-redux-dev.safetensors (black-forest-labs/FLUX.1-Redux-dev)"},
    "sd3.5 large": {"": "ip-adapter.safetensors (guiyrt/InstantX-SD3.5-Large-IP-Adapter-diffusers)"},
}
"""By family, or family and variant, and by kind, "" for all others. https://huggingface.co/h94/IP-Adapter (Apache-2.0);
Redux under FLUX.1 [dev]'s licence, InstantX' under Stability AI's."""


class ReferenceWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reference that is asked for."""

    img: Annotated[str | None, Meta(description="PNG, JPEG or WebP in base64, or as a data URL.", extra=PICTURE)] = None
    embedding: Annotated[
        Annotated[tuple[float, ...], Meta(min_length=_FACE, max_length=_FACE)] | None,
        Meta(
            description="For a FaceID adapter, in place of img or beside it: the 512 numbers of a face.", extra=_NUMBERS
        ),
    ] = None
    kind: Annotated[
        ReferenceKind | None,
        Meta(description="What of it counts: style, content, subject (if not said) or face."),
    ] = None
    strength: Annotated[
        ReferenceStrength | None,
        Meta(
            description="How much of it, 0 to 2; 0.6 if not said, 1 of Redux and where the model attends to it itself."
        ),
    ] = None
    start: Annotated[Fraction | None, Meta(description="From which part of the steps on, 0 to 1; 0 if not said.")] = (
        None
    )
    end: Annotated[Fraction | None, Meta(description="To which part of the steps, 0 to 1; 1 if not said.")] = None
    weights: Annotated[
        BlockWeights | None,
        Meta(
            description="Which blocks attend to it: linear (all), style or composition. If not said: style for the "
            "kind style, composition for content, else linear; FLUX.1's adapters know linear alone."
        ),
    ] = None
    combine: Annotated[
        Combine | None,
        Meta(description="With others: side by side (concat, if not said), or the mean of them (average)."),
    ] = None
    crop: Annotated[
        ReferenceCrop | None,
        Meta(
            description="How it comes to a square: pad (if not said), square (its middle; if not said where the model "
            "attends to it itself), or box. face is refused."
        ),
    ] = None
    box: Annotated[
        Box | None,
        Meta(
            description="With crop box: left, top, right and bottom of what counts, in parts from 0 to 1.", extra=_BOX
        ),
    ] = None
    mask: Annotated[
        str | None, Meta(description="White where of the result it counts: a picture, as img.", extra=PICTURE)
    ] = None
    noise: Annotated[
        Fraction | None,
        Meta(description="How much of seeded noise goes into it, 0 to 1: its neighbours; 0 if not said."),
    ] = None
    max_side: Annotated[
        Annotated[int, Meta(ge=64, le=4096)] | None,
        Meta(description="Made smaller first, so that no side is longer; if not said: as the settings say."),
    ] = None
    adapter: Annotated[
        ModelName | None,
        Meta(description="An image adapter, as `others` of /models lists it. If not said: one that fits the kind."),
    ] = None
    digest: Annotated[
        Digest | None, Meta(description="From a picture's recipe: an adapter of another name by now is found by it.")
    ] = None
    encoder: Annotated[Digest | None, Meta(description="From a picture's recipe: the digest of the image encoder.")] = (
        None
    )


class VariationsWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pictures near `img`."""

    strength: Annotated[Fraction | None, Meta(description="How far from it, 0 to 1; 0.3 if not said.")] = None


class _Unsaid(NamedTuple):
    """What isn't said of a reference."""

    strength: float
    crop: ReferenceCrop
    combine: Combine
    max_side: int


_OF_ADAPTERS = _Unsaid(REFERENCE_STRENGTH, "pad", "concat", 1024)
_OF_MODELS = _Unsaid(WHOLE, "square", "average", 2048)
"""As such models were trained: on whole embeddings, of the middles of pictures; or on pictures as they are, of about a
megapixel, which one of four times its height has within so long a side."""
_OF_REDUX = _Unsaid(WHOLE, "square", "concat", 1024)
"""Of whose pictures margins would be drawn, too."""


_OF_TIMED = _Unsaid(REFERENCE_STRENGTH, "pad", "concat", 1024)
"""Of whose blocks none is known to say something of its own."""


class ChosenReference(NamedTuple):
    """One that is asked for, and the files that attend to it: none where the model does so itself."""

    wish: ReferenceWish
    adapter: Entry | None = None
    encoder: Entry | None = None

    @property
    def _usual(self) -> _Unsaid:
        if self.adapter is None:
            return _OF_MODELS
        return {REDUX: _OF_REDUX, TIMED: _OF_TIMED}.get(self.adapter.variant, _OF_ADAPTERS)

    def recorded(self, img: str | None, mask: str | None, embedding: str | None, max_side: int | None) -> Reference:
        """As a recipe has it; the first three are digests, and `max_side` is what the settings say, if they do."""
        wish, usual = self.wish, self._usual
        weights = _USUAL_WEIGHTS.get(wish.kind or "", "linear") if usual is _OF_ADAPTERS else "linear"
        return Reference(
            img=img, mask=mask, embedding=embedding,
            kind=wish.kind or "subject", strength=usual.strength if wish.strength is None else float(wish.strength),
            start=float(wish.start or 0), end=1.0 if wish.end is None else float(wish.end),
            weights=wish.weights or weights, combine=wish.combine or usual.combine,
            crop=wish.crop or (usual.crop if wish.box is None else "box"), box=wish.box, noise=float(wish.noise or 0),
            max_side=wish.max_side or max_side or usual.max_side,
            adapter=OWN if self.adapter is None else self.adapter.name,
            digest="" if self.adapter is None else self.adapter.digest,
            encoder="" if self.encoder is None else self.encoder.digest,
        )  # fmt: skip


def check_reference(wish: ReferenceWish, path: str) -> None:
    """Raises BadRequest for what makes no sense together; `path` is what names it."""
    if wish.img is None and wish.embedding is None:
        missing = message("value.missing", f"{path}.img", allowed=message("allowed.picture"))
        raise BadRequest(missing, reason="missing")
    if wish.crop == "face":
        raise Unsupported(message("reference.crop_face", f"{path}.crop"))
    if wish.crop == "box" and wish.box is None:
        raise BadRequest(message("value.missing", f"{path}.box", allowed=message("allowed.box")), reason="missing")
    if wish.box is not None:
        left, top, right, bottom = wish.box
        if wish.crop not in (None, "box") or not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise BadRequest(message("reference.box", f"{path}.box"))


def check_own(wish: ReferenceWish, path: str, name: str, *, squared: bool) -> None:
    """Raises for what of a reference the model of that `name` can't heed, which is shown pictures as a whole. Without
    `squared` it sees them as they are, side by side."""
    if wish.img is None:
        raise BadRequest(message("reference.own_img", f"{path}.img", name=name), reason="missing")
    said = {
        "mask": wish.mask, "embedding": wish.embedding, "weights": wish.weights if wish.weights != "linear" else None,
        "combine": wish.combine if squared and wish.combine != "average" else None,
    }  # fmt: skip
    if part := next((part for part, value in said.items() if value is not None), None):
        raise Unsupported(message("reference.own_whole", f"{path}.{part}", name=name))


def check_adapter(wish: ReferenceWish, path: str, adapter: Entry) -> None:
    """Raises Unsupported for what of a reference this image adapter can't heed: where, and in which blocks, one counts
    that stands among the prompt's words; in which blocks, one whose blocks are known to say no such thing."""
    if adapter.family not in ("flux", "sd3.5"):
        return
    said: dict[str, object] = {"weights": wish.weights if wish.weights != "linear" else None}
    if adapter.variant in (REDUX, TIMED):
        said["mask"] = wish.mask
    if part := next((part for part, value in said.items() if value is not None), None):
        raise Unsupported(message("reference.adapter_whole", f"{path}.{part}", name=adapter.name))


def heeded(wish: ReferenceWish, *, squared: bool) -> tuple[ReferenceWish, list[str]]:
    """What of a reference a model heeds that attends to it itself, and the names of what else is said; `squared`: it
    sees squares, by an image encoder, and not pictures as they are, side by side."""
    said: dict[str, object] = {"digest": wish.digest, "encoder": wish.encoder}
    if not squared:
        said |= {"crop": _unless(wish.crop, "box"), "combine": _unless(wish.combine, "concat")}
    vain = [name for name, value in said.items() if value is not None]
    kept = msgspec.structs.replace(wish, digest=None, encoder=None)
    if squared:
        return kept, vain
    crop: ReferenceCrop = "pad" if wish.box is None else "box"
    return msgspec.structs.replace(kept, crop=crop, combine="concat"), vain


def _unless(value: str | None, heeded: str) -> str | None:
    return None if value == heeded else value


def start_strength(wish: ReferenceWish) -> float:
    """How much of a picture is painted anew that it only starts from: as with 0.6 of a reference, 0.7 of it."""
    return round(1 - (REFERENCE_STRENGTH if wish.strength is None else wish.strength) / 2, 6)


def proper_file(model: Entry, kind: str) -> str:
    """The usual file for references of that kind, "" where none is known here that fits the model."""
    there = _PROPER.get(f"{model.family} {model.variant}") or _PROPER.get(model.family, {})
    files = there if is_published_width(model.family, model.context) else {}
    return files.get(kind) or files.get("", "")
