"""Pure functions in: what a client of Hugging Face's inference says → a `GenerateRequest`, and how the picture comes.

`inputs` is the prompt of text-to-image, and the picture of image-to-image, whose prompt then stands in `parameters`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ...asking.checking import refusal
from ...asking.request import ALIASES, GenerateRequest, parse
from ...messages import Message, Names, message
from ...pictures.images import is_address
from ...words.errors import BadRequest
from ...words.samplers import SAMPLERS
from ..orders.output import Output, OutputFormat

STRENGTH = 0.7
"""How much of a picture is painted anew where its client doesn't say it."""
OWN_NAMES = {"num_images_per_prompt": "count", "scheduler": "sampler", "num_images": "count"}
NAMES = ALIASES | OWN_NAMES
NAMED = {
    "img": "inputs", "num_steps": "num_inference_steps", "guidance": "guidance_scale", "true_cfg": "true_cfg_scale",
    "neg": "negative_prompt", "sampler": "scheduler", "clip": "clip_skip",
}  # fmt: skip
"""What our fields are called here, where a client didn't say them by another name."""
_FORMATS: dict[str, OutputFormat] = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}
_BEGINNINGS = ("data:image/", "iVBORw0KGgo", "/9j/", "UklGR")
"""Of PNG, JPEG and WebP in base64: what no prompt begins with."""
_ELSEWHERE = ("model", "img", "stream", "progress", "inputs")
_ELSEWHERE_CALLED = {
    "LinearMultistepScheduler": "LMSDiscreteScheduler", "PredictorCorrectorScheduler": "UniPCMultistepScheduler",
    "ThirdOrderSdeScheduler": "DPMSolverMultistepScheduler",
}  # fmt: skip
"""Classes of our own, and those of diffusers that step so."""
CLASSES = {
    _ELSEWHERE_CALLED.get(each.scheduler, each.scheduler): row.name
    for row in reversed(SAMPLERS.values())
    for each in (row, row.flow)
    if each is not None
}
"""Classes of diffusers, and the first of our samplers that steps as each does."""


class AskedPicture(NamedTuple):
    """A request in our words, and what is this dialect's alone."""

    request: GenerateRequest
    warnings: list[Message]
    names: Names
    """What the client calls our fields."""
    filled: tuple[str, ...] = ()
    """What of it the client didn't say."""


def request_from_body(body: Mapping[str, object], model: str | None) -> AskedPicture:
    """What a body of JSON asks for. Raises BadRequest, under the client's names."""
    inputs, parameters = body.get("inputs"), body.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise refusal("parameters", parameters, message("value.object"), reason="type")
    if not isinstance(inputs, str) or not inputs:
        missing = message("value.missing", "inputs", allowed=message("allowed.inputs"))
        raise BadRequest(missing, reason="missing" if inputs is None else "type")
    said = {name: value for name, value in (parameters or {}).items() if value is not None and name not in _ELSEWHERE}
    shows = said.get("prompt") is not None or inputs.startswith(_BEGINNINGS)
    if shows and is_address(inputs):
        raise BadRequest(message("picture.address", "inputs"))
    return _asked(said | {"img": inputs} if shows else said | {"prompt": inputs}, model)


def request_from_picture(data: bytes, model: str | None) -> AskedPicture:
    """What a body asks for that is a picture, and nothing else: one like it."""
    return _asked({"img": b64encode(data).decode("ascii")}, model)


def output_from(accept: str) -> Output:
    """The format that a client takes, by its Accept header: the first that we write, else PNG."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return Output(format=next((_FORMATS[kind] for kind in kinds if kind in _FORMATS), "png"))


def _asked(said: dict[str, Any], model: str | None) -> AskedPicture:
    fields = {"prompt": "", "fit": "scale", "model": model} | _translated(said)
    called = {"prompt": "inputs"} if "img" not in said else {"prompt": "prompt"}
    parsed = parse(fields, NAMES)
    request = parsed.request
    if (request.count or 1) > 1:
        raise BadRequest(
            refusal("count", request.count, message("allowed.one")).note.called(parsed.called.get("count"))
        )
    filled = ("strength",) if request.img is not None and request.strength is None else ()
    if filled:
        request = msgspec.structs.replace(request, strength=STRENGTH)
    return AskedPicture(request, parsed.warnings, {**NAMED, **called, **parsed.called}, filled)


def _translated(said: dict[str, Any]) -> dict[str, Any]:
    """What this dialect says in its own way, in ours: a size as one object, a sampler by its class."""
    fields = {name: value for name, value in said.items() if name != "target_size"}
    size = said.get("target_size")
    if isinstance(size, Mapping):
        fields = {"width": size.get("width"), "height": size.get("height")} | fields
    elif size is not None:
        raise refusal("target_size", size, message("allowed.object", fields="width, height"), reason="type")
    if isinstance(named := said.get("scheduler"), str) and named in CLASSES:
        fields["scheduler"] = CLASSES[named]
    return fields
