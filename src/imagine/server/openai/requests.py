"""One pure function in: what an OpenAI client says → a `GenerateRequest`, and how the answer is to come."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from ...asking.checking import checked, refusal, shown, value_of
from ...asking.request import MAX_SIDE, MIN_SIDE, GenerateRequest, one_spelling, parse
from ...messages import Message, message
from ...pictures.images import is_address
from ...words.errors import BadPicture, BadRequest, Unsupported
from ..orders.output import Output, OutputFormat
from .fields import MAX_PICTURES, NAMED, OWN, PICTURES, SIZE, SPELLINGS, Endpoint, Fields
from .tables import QUALITIES, STRENGTH, STRENGTH_IN_MASK, STRENGTH_OF_SEEN, STYLES, Usual, second_pass_of, steps_of

_INLINE = re.compile(r"gpt-image|chatgpt-image", re.IGNORECASE)
"""Models whose pictures come in the answer unless they are asked for by URL."""
_OWN_ALPHA = "dall-e-2"
"""The model whose edits take the picture's own transparency for the mask."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How the pictures are to come."""

    kind: Endpoint
    url: bool
    inline: bool
    format: OutputFormat
    compression: int
    stream: bool
    partial_images: int
    quality: str
    safety_identifier: str | None = None

    @property
    def output(self) -> Output:
        """What of this the order has to know; in a stream pictures are never given by address."""
        store: Literal["no", "too", "only"] = "no"
        if self.url and not self.stream:
            store = "too" if self.inline else "only"
        quality = max(1, self.compression)
        return Output(format=self.format, quality=quality, store=store, previews=self.partial_images)


class ImagesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request in our words, and what they are in the client's."""

    request: GenerateRequest
    delivery: Delivery
    warnings: list[Message]
    spelled: dict[str, str]
    """By our fields' names: what the client calls them."""
    filled: tuple[str, ...] = ()
    """What of it the client didn't say."""
    own_alpha: bool = False
    """Where the picture is transparent, it is to be painted anew."""


def images_request_from(body: Mapping[str, object], kind: Endpoint, usual: Usual) -> ImagesRequest:
    """What `body`, as read from JSON or from a form, asks of this endpoint on a model with these usual values.

    Raises BadRequest, under the client's names.
    """
    plain, spelled = one_spelling(body, SPELLINGS)
    own = {name: plain[name] for name in plain if name in Fields.__struct_fields__ and name not in kind.unknown}
    fields, _ = checked(own, Fields, spelled=spelled)
    _check(fields, kind, plain)
    foreign = [name for name in (*OWN, *PICTURES) if name in plain and name not in own]
    ours = {name: value for name, value in plain.items() if name not in own and name not in foreign}
    called = {**NAMED, **spelled}
    warnings = _without_effect(fields, foreign)
    translated = ours | _translated(ours, fields, kind, usual, called, warnings)
    parsed = parse(translated, {}, called)
    return ImagesRequest(
        request=parsed.request,
        delivery=_delivery(fields, kind, parsed.request.model),
        warnings=[*warnings, *parsed.warnings],
        spelled=called,
        filled=("strength",) if translated.get("img") is not None and ours.get("strength") is None else (),
        own_alpha=kind.event == "image_edit" and fields.mask is None and parsed.request.model == _OWN_ALPHA,
    )


def with_deployment(body: Mapping[str, object], deployment: str | None) -> tuple[Mapping[str, object], list[Message]]:
    """The body with the model that the path names, as Azure's clients do, and what of it has no effect then."""
    if deployment is None:
        return body, []
    model = body.get("model")
    other = [] if model in (None, "", deployment) else [message("deployment.other", "model", deployment=deployment)]
    return {**body, "model": deployment}, [*other]


def preset_named(body: Mapping[str, object]) -> str | None:
    """The preset that `body` asks for, before it is checked."""
    style = body.get("style")
    named = (body.get("style_preset"), body.get("preset"), STYLES.get(style) if isinstance(style, str) else None)
    return next((name for name in named if isinstance(name, str) and name), None)


def _translated(
    ours: dict[str, Any], fields: Fields, kind: Endpoint, usual: Usual, called: dict[str, str], warnings: list[Message]
) -> dict[str, Any]:
    """OpenAI's own fields under our names; what `ours` says itself wins."""
    translated: dict[str, Any] = {"count": fields.n, "fit": ours.get("fit", "scale"), "model": ours.get("model")}
    if translated["model"] == "":
        translated["model"] = None
    if fields.stream and fields.partial_images:
        translated["stream"] = 1  # spread over the run once it is known how long that is
    translated["moderation"] = None if fields.moderation in ("low", "auto") else fields.moderation
    if not kind.prompted:
        translated["prompt"] = ours.get("prompt") or ""
    translated |= _shown(ours, fields, kind, usual, called)
    if fields.mask is not None:
        (translated["mask"],) = _texts(fields.mask, "mask", most=1)
    width, height = _size(ours, fields, called, warnings)
    translated |= {"width": width, "height": height}
    if fields.style is not None:
        translated["preset"] = _first(ours.get("preset"), STYLES[fields.style])
        if ours.get("preset") is not None:
            warnings.append(message("no_effect.beside", "style", other="preset"))
        else:
            called["preset"] = "style"
    return translated | _worked(ours, translated, fields, usual)


def _shown(
    ours: dict[str, Any], fields: Fields, kind: Endpoint, usual: Usual, called: dict[str, str]
) -> dict[str, Any]:
    """The pictures: the first that is to be edited or varied is what is started from, the others are references, and
    the first too where the model edits what it sees."""
    pictures, sees = _pictures(fields, kind), usual.sees and kind.prompted
    shown, weight = dict[str, Any](), dict[str, float]()
    strength: Any = ours.get("strength")
    if pictures and pictures[0].field != "reference_images":
        shown["img"], called["img"] = pictures[0].text, pictures[0].field
        alone = STRENGTH_OF_SEEN if sees else STRENGTH
        shown["strength"] = _first(strength, alone if fields.mask is None else STRENGTH_IN_MASK)
        pictures = pictures if sees else pictures[1:]
    elif pictures and _is_part(strength):  # so much is painted anew: what is left of the picture is the reference's
        shown["strength"], weight = None, {"strength": round(2 * (1 - strength), 6)}
    if not kind.prompted and ours.get("variations") is None:
        shown["variations"] = {}
    if pictures:
        listed = own if isinstance(own := ours.get("references"), list) else []
        shown["references"] = [*({"img": each.text} | weight for each in pictures), *listed]
        called["references"] = pictures[0].field
        called |= {f"references.{place}.img": each.name for place, each in enumerate(pictures)}
    return shown


def _worked(ours: dict[str, Any], translated: dict[str, Any], fields: Fields, usual: Usual) -> dict[str, Any]:
    """What the quality asks for, where the client doesn't say it itself."""
    quality = QUALITIES[fields.quality or "auto"]
    work: dict[str, Any] = {}
    if ours.get("num_steps") is None and (steps := steps_of(quality, usual)) is not None:
        work["num_steps"] = steps
    width, height = translated["width"], translated["height"]
    free = quality.second_pass and ours.get("hires") is None and not {"img", "references"} & translated.keys()
    if free and _whole(width) and _whole(height) and (passes := second_pass_of(width, height, usual)):
        work["width"], work["height"], work["hires"] = passes
    return work


def _check(fields: Fields, kind: Endpoint, body: Mapping[str, object]) -> None:
    """Refuse what is missing or can't be honoured."""
    prompt = body.get("prompt")
    if kind.prompted and prompt is None:
        raise BadRequest(message("value.missing", "prompt", allowed=message("allowed.text")), reason="missing")
    if kind.prompted and prompt == "":
        raise BadRequest(message("prompt.empty", "prompt"))
    if kind.required and not any(getattr(fields, name) for name in kind.pictures):
        missing = message("value.missing", kind.required, allowed=message("allowed.picture"))
        raise BadRequest(missing, reason="missing")
    if fields.background == "transparent":
        left = message("allowed.one_of", values="opaque, auto")
        raise Unsupported(message("value.not_yet", "background", value="transparent", allowed=left))
    if fields.stream and not kind.event:
        raise Unsupported(message("stream.variations", "stream"))


def _without_effect(fields: Fields, foreign: list[str]) -> list[Message]:
    warnings = [message("unknown", names=", ".join(map(shown, foreign)))] if foreign else []
    if fields.input_fidelity is not None:
        warnings.append(message("no_effect.instead", "input_fidelity", other="strength"))
    if fields.output_compression is not None and (fields.output_format or "png") == "png":
        warnings.append(message("no_effect.png", "output_compression"))
    if fields.partial_images and not fields.stream:
        warnings.append(message("no_effect.without", "partial_images", other="stream"))
    if fields.stream and fields.response_format == "url":
        warnings.append(message("no_effect.stream", "response_format"))
    return warnings


def _delivery(fields: Fields, kind: Endpoint, model: str | None) -> Delivery:
    usual = "b64_json" if model and _INLINE.match(model) else None
    wanted = fields.response_format or usual
    return Delivery(
        kind=kind,
        url=wanted != "b64_json",
        inline=wanted != "url",
        format=fields.output_format or "png",
        compression=100 if fields.output_compression is None else fields.output_compression,
        stream=bool(fields.stream),
        partial_images=fields.partial_images or 0,
        quality=QUALITIES[fields.quality or "auto"].name,
        safety_identifier=fields.safety_identifier or fields.user or None,
    )


def _size(ours: dict[str, Any], fields: Fields, called: dict[str, str], warnings: list[Message]) -> tuple[Any, Any]:
    """Width and height: each as it is said itself, else as `size` says."""
    requested = (ours.get("width"), ours.get("height"))
    if fields.size is None or fields.size.lower() == "auto":
        return requested
    sides = SIZE.fullmatch(fields.size.strip())
    if not sides or not all(MIN_SIDE <= int(side) <= MAX_SIDE for side in sides.groups()):
        raise refusal("size", fields.size, message("allowed.size", least=MIN_SIDE, most=MAX_SIDE))
    if requested != (None, None):
        warnings.append(message("no_effect.on_sides", "size"))
    else:
        called |= {"width": "size", "height": "size"}
    return _first(requested[0], int(sides[1])), _first(requested[1], int(sides[2]))


class _Given(NamedTuple):
    """A picture that came: as text, in which field, and what to call it there."""

    text: str
    field: str
    name: str


def _pictures(fields: Fields, kind: Endpoint) -> list[_Given]:
    """Every input picture, in order."""
    pictures = list[_Given]()
    for field in kind.pictures:
        if (value := getattr(fields, field)) is not None:
            texts = _texts(value, field, most=MAX_PICTURES)
            several = len(texts) > 1
            pictures += [_Given(text, field, f"{field} {n}" if several else field) for n, text in enumerate(texts, 1)]
    return pictures


def _texts(value: object, field: str, most: int) -> list[str]:
    """The pictures that a field holds, in base64. Nothing is ever fetched."""
    several = value if isinstance(value, list) else [value]
    if not 1 <= len(several) <= most:
        raise BadRequest(message("pictures.count", field, count=len(several), most=most))
    return [_text(each, field) for each in several]


def _text(value: object, field: str) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        if value.get("file_id") is not None:
            raise BadRequest(message("picture.file_id", field))
        inner = value.get("image_url")
        value = inner.get("url") if isinstance(inner, Mapping) else inner
    if not isinstance(value, str):
        refused = message("value.refused", field, value=value_of(value), allowed=message("allowed.picture"))
        raise BadRequest(refused, reason="type")
    if is_address(value):
        raise BadRequest(message("picture.address", field))
    if not value:
        raise BadPicture(message("picture.empty", field))
    return value


def _first(requested: Any, otherwise: Any) -> Any:
    return otherwise if requested is None else requested


def _is_part(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _whole(side: object) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and MIN_SIDE <= side <= MAX_SIDE
