"""What a named model, or a sidecar, says of how it is asked: checked, and filled into a request that doesn't say it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ..messages import message
from ..words.errors import BadRequest
from ..words.named_model import NamedModel, Parameter
from ..words.samplers import SAMPLERS, find
from .checking import checked, shown
from .loras import MAX_LORA_WEIGHT, MAX_LORAS, LoraWish, asked_as, loras_from
from .loras import beside as loras_beside
from .presets import Preset, expanded
from .request import MAX_ENCODERS, GenerateRequest, one_spelling
from .resolve import Defaults, sampler_named

PARAMETERS = ("num_steps", "guidance", "true_cfg", "sampler", "schedule", "width", "height")
"""What a parameter can be of; other programs' names of the same are taken too, and `size` is both sides."""
_MOST_TEXT = {
    "negative": 4_000, "prompt_prefix": 4_000, "prompt_suffix": 4_000, "description": 4_000, "license": 100_000,
}  # fmt: skip
"""Characters of each."""
_MOST_NAMES = 16
_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(NamedModel))
_SPELLINGS = {"neg": "negative", "licence": "license", "lora": "loras", "text_encoder": "text_encoders"}


def parameters_from(said: Mapping[str, object]) -> dict[str, Parameter]:
    """The same under our names. Raises BadRequest on `parameters.NAME`."""
    flat: dict[str, object] = dict(said)
    size = flat.pop("size", None)
    if size is not None:
        width, cross, height = str(size).lower().replace("×", "x").partition("x")
        if not cross or not width.strip().isdecimal() or not height.strip().isdecimal():
            raise BadRequest(message("made.size", "parameters.size", value=str(size)[:40]))
        flat |= {"width": int(width), "height": int(height)}
    try:
        fields, spelled = one_spelling(flat)
        _check_known(fields, spelled)
        defaults, _ = checked(fields, Defaults, spelled=spelled)
        if defaults.sampler is not None:
            sampler, schedule = sampler_named(defaults.sampler)
            if sampler not in SAMPLERS:
                find(sampler)
            defaults = msgspec.structs.replace(defaults, sampler=sampler, schedule=defaults.schedule or schedule)
    except BadRequest as error:
        name = error.note.spelled or error.note.field or ""
        raise BadRequest(error.note.called(f"parameters.{name}"), reason=error.reason) from error
    return {name: value for name, value in msgspec.structs.asdict(defaults).items() if value is not None}


def _check_known(fields: Mapping[str, object], spelled: Mapping[str, str]) -> None:
    if unknown := next((name for name in fields if name not in PARAMETERS), None):
        raise BadRequest(message("made.parameter", spelled.get(unknown, unknown), allowed=", ".join(PARAMETERS)))


def made_from(made: NamedModel) -> NamedModel:
    """The same, once sure that all of it can be asked for. Raises BadRequest on the field that can't."""
    texts = {name: getattr(made, name).replace("\r\n", "\n") for name in _MOST_TEXT}
    for name, text in texts.items():
        if len(text) > _MOST_TEXT[name]:
            raise BadRequest(message("made.long", name, count=len(text), most=_MOST_TEXT[name]))
        if '"""' in text:
            raise BadRequest(message("made.quotes", name))
    for name, most in (("loras", MAX_LORAS), ("text_encoders", MAX_ENCODERS), ("embeddings", _MOST_NAMES)):
        if len(getattr(made, name)) > most:
            raise BadRequest(message("made.many", name, count=len(getattr(made, name)), most=most))
    names = [lora.name for lora in made.loras]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadRequest(message("made.twice", "loras", value=twice[:80]))
    for lora in made.loras:
        for weight in (lora.weight, 0.0 if lora.clip_weight is None else lora.clip_weight):
            if not math.isfinite(weight) or abs(weight) > MAX_LORA_WEIGHT:
                raise BadRequest(
                    message("made.weight", "loras", name=lora.name[:80], value=weight, most=MAX_LORA_WEIGHT)
                )
    return msgspec.structs.replace(made, parameters=parameters_from(made.parameters), **texts)


def made_of(body: Mapping[str, object]) -> NamedModel:
    """What the fields of a body say, and nothing else of it. Raises BadRequest."""
    said: dict[str, Any] = {
        _SPELLINGS.get(name, name): value for name, value in body.items() if value not in (None, "", [], {})
    }
    said = {name: value for name, value in said.items() if name in _FIELDS}
    if isinstance(said.get("license"), list):
        said["license"] = "\n".join(map(str, said["license"]))
    sample = said.pop("sample", None) or {}
    if not isinstance(sample, dict):
        raise BadRequest(message("imagefile.sample", "sample"))
    parameters = said.pop("parameters", None) or {}
    if not isinstance(parameters, dict):
        raise BadRequest(message("imagefile.parameter", "parameters", value=shown(parameters)))
    loras = said.get("loras")
    if isinstance(loras, dict):
        said["loras"] = [{"name": name, "weight": weight} for name, weight in loras.items()]
    elif isinstance(loras, list):
        said["loras"] = [{"name": each} if isinstance(each, str) else each for each in loras]
    made, _ = checked(said, NamedModel)
    return msgspec.structs.replace(made, sample=sample, parameters=parameters_from(parameters), digest="")


def defaults_from(made: NamedModel) -> Defaults:
    """What a request that doesn't say it gets. A value that can't be asked for is as none."""
    defaults = Defaults()
    for name, value in made.parameters.items():
        with contextlib.suppress(BadRequest):
            defaults = msgspec.convert(parameters_from({name: value}), Defaults).over(defaults)
    said: dict[str, Any] = {
        "neg": made.negative, "vae": made.vae, "text_encoders": made.text_encoders, "loras": _loras(made)
    }  # fmt: skip
    with contextlib.suppress(msgspec.ValidationError):
        stated = msgspec.convert({name: value for name, value in said.items() if value}, Defaults)
        defaults = stated.over(defaults)
    return defaults


def filled(request: GenerateRequest, made: NamedModel, defaults: Defaults, preset: Preset | None) -> GenerateRequest:
    """The request as it is asked of what the model is made of: with its words around the prompt, its LoRAs beside those
    of the request, and for what the request doesn't say these `defaults`, then those of its `preset`."""
    own = Preset(
        name="own", prompt_prefix=made.prompt_prefix, prompt_suffix=made.prompt_suffix, neg=defaults.neg,
        guidance=defaults.guidance, true_cfg=defaults.true_cfg, num_steps=defaults.num_steps,
        sampler=defaults.sampler, schedule=defaults.schedule, width=defaults.width, height=defaults.height,
    )  # fmt: skip
    asked = expanded(request, own)
    loras = loras_beside(loras_from(request.loras), loras_from(_wishes(made)))
    changes: dict[str, Any] = {"loras": asked_as(loras)} if loras else {}
    changes |= {
        name: getattr(defaults, name) for name in ("vae", "text_encoders")
        if getattr(request, name) is None and getattr(defaults, name) is not None
    }  # fmt: skip
    changes |= {"model": made.base} | ({"digest": made.digest} if made.digest else {})
    asked = msgspec.structs.replace(asked, **changes)
    return asked if preset is None else expanded(asked, msgspec.structs.replace(preset, model=None))


def _wishes(made: NamedModel) -> tuple[LoraWish | str, ...]:
    return tuple(
        LoraWish(name=lora.name, weight=lora.weight, clip_weight=lora.clip_weight, digest=lora.digest or None)
        for lora in made.loras
    )


def _loras(made: NamedModel) -> list[dict[str, Any]]:
    told = [{"name": lora.name, "weight": lora.weight, "clip_weight": lora.clip_weight} for lora in made.loras]
    return [{name: value for name, value in each.items() if value is not None} for each in told]
