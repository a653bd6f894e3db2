"""Style presets: what a name adds to a prompt, and what it sets that a request doesn't say.

`preset_files` reads them from files, `settings` from the configuration; both in every shape that `presets_from` takes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..messages import in_english
from ..words.errors import BadRequest
from ..words.samplers import SAMPLERS, find
from .checking import checked, shown
from .loras import LORA_NAMES, LoraNames, asked_as, beside, loras_from
from .request import ALIASES, GenerateRequest, Guidance, Name, SecondPass, Side, Steps, one_spelling
from .resolve import sampler_named

_log = logging.getLogger(__name__)
Text = Annotated[str, Meta(max_length=4_000)]


class Preset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A style. None is not said; a preset says as much or as little as it wants."""

    name: Annotated[Name, Meta(description="What requests call it.")]
    description: Annotated[Text | None, Meta(description="A few words for those who choose.")] = None
    prompt_prefix: Annotated[Text, Meta(description="Stands before the prompt.")] = ""
    prompt_suffix: Annotated[Text, Meta(description="Stands behind the prompt, after a comma.")] = ""
    neg: Annotated[Text | None, Meta(description="What not to paint.")] = None
    guidance: Annotated[Guidance | None, Meta(description="How closely to follow the prompt.")] = None
    true_cfg: Annotated[
        Guidance | None, Meta(description="Beside the guidance that a model is told: keep from neg.")
    ] = None
    distilled_cfg_scale: Annotated[
        Guidance | None, Meta(description="As in a request: guidance of a model that is told it, true_cfg is guidance.")
    ] = None
    num_steps: Annotated[Steps | None, Meta(description="Steps from noise to picture.")] = None
    sampler: Annotated[Name | None, Meta(description="The algorithm that steps.")] = None
    schedule: Annotated[Name | None, Meta(description="The spacing of noise levels.")] = None
    width: Annotated[Side | None, Meta(description="Pixels, where the request says no size and brings no img.")] = None
    height: Annotated[Side | None, Meta(description="Pixels, as width.")] = None
    model: Annotated[Name | None, Meta(description="The model, by its name or an alias.")] = None
    loras: Annotated[
        LoraNames | None,
        Meta(description="LoRAs, beside those that the request names; as in a request.", extra=LORA_NAMES),
    ] = None

    def __str__(self) -> str:
        return self.name


SPELLINGS = ALIASES | {
    "prefix": "prompt_prefix",
    "suffix": "prompt_suffix",
    "negative": "neg",
}
"""Other names of a preset's fields; beside them `size` ("768x512") and `prompt`, a text around `{prompt}`."""
CONTAINERS = ("presets", "styles", "cartoon_styles", "cartoon_presets")
"""Keys under which files keep their presets."""
_SIZE = re.compile(r"\s*([0-9]{1,5})\s*[xX×]\s*([0-9]{1,5})\s*")
_ENDS = (",", ".", ";", ":", "!", "?")


def expanded(request: GenerateRequest, preset: Preset) -> GenerateRequest:
    """The request with the preset's words around its prompt, and its settings where the request says none."""
    changes: dict[str, Any] = {"preset": None, "prompt": _around(request.prompt, preset)}
    names = ["neg", "guidance", "num_steps", "model"]
    if request.guidance is None:  # what is said as `guidance` may be either, see `distilled_cfg_scale`
        names += ["true_cfg"] if request.distilled_cfg_scale is not None else ["true_cfg", "distilled_cfg_scale"]
    if request.sampler is None:  # a schedule belongs to its sampler
        names += ["sampler", "schedule"]
    if request.width is None and request.height is None and request.img is None:
        names += ["width", "height"]
    changes |= {name: getattr(preset, name) for name in names if getattr(request, name) is None}
    if isinstance(hires := request.hires, SecondPass) and hires.prompt:
        changes["hires"] = msgspec.structs.replace(hires, prompt=_around(hires.prompt, preset))
    if preset.loras:
        changes["loras"] = asked_as(beside(loras_from(request.loras), loras_from(preset.loras)))
    return msgspec.structs.replace(request, **changes)


def styled_by(original: GenerateRequest, request: GenerateRequest) -> frozenset[str]:
    """The fields of `request` that a preset set, and `original` didn't say."""
    if original.preset is None:
        return frozenset()
    fields = request.__struct_fields__
    return frozenset(name for name in fields if getattr(original, name) is None and getattr(request, name) is not None)


def _around(prompt: str, preset: Preset) -> str:
    prefix, suffix = preset.prompt_prefix, preset.prompt_suffix
    if prefix and not prefix[-1].isspace():
        prefix += " "
    if suffix and suffix[0] not in _ENDS and not suffix[0].isspace():
        suffix = (" " if prompt.rstrip().endswith(_ENDS) else ", ") + suffix
    return prefix + prompt + suffix


def presets_from(value: object) -> list[Preset]:
    """The presets in what a file or the configuration holds.

    It is a mapping from names to presets, or a list of presets with a `name`; or these stand under one of
    `CONTAINERS`, which may be within `image_generation`. A text instead of a preset is its suffix.
    Raises BadRequest for a preset that can't be used, naming it.
    """
    return [_preset(name, raw) for name, raw in named(value).items()]


def named(value: object) -> dict[str, object]:
    """What `value` holds, by name, and not yet checked. Raises BadRequest for what has no names."""
    if isinstance(value, Mapping):
        outer = {**value, **_inner(value)}
        tables = [outer[key] for key in CONTAINERS if key in outer]
        if not tables:
            return {_name(name): raw for name, raw in value.items()}
        return {name: raw for part in tables if part is not None for name, raw in named(part).items()}
    if isinstance(value, list | tuple):
        return {_name(raw.get("name") if isinstance(raw, Mapping) else None): raw for raw in value}
    raise BadRequest(
        in_english(f"the presets are {shown(value)}; they must be a mapping of names to presets, or a list of these")
    )


def _inner(value: Mapping[str, object]) -> Mapping[str, object]:
    inner = value.get("image_generation")
    return inner if isinstance(inner, Mapping) else {}


def _name(name: object) -> str:
    if isinstance(name, str) and name.strip():
        return name.strip()
    raise BadRequest(in_english(f"a preset's name is {shown(name)}; it must be text"))


def _preset(name: str, raw: object) -> Preset:
    if isinstance(raw, str):
        raw = {"prompt_suffix": raw}
    if not isinstance(raw, Mapping):
        raise BadRequest(
            in_english(f"preset {shown(name)} is {shown(raw)}; it must be a mapping, or text to add to the prompt")
        )
    try:
        flat, spelled = one_spelling(unfolded(raw), SPELLINGS)
        preset, unknown = checked({**flat, "name": name}, Preset, spelled=spelled)
        preset = _with_sampler(preset)
    except BadRequest as error:
        raise BadRequest(in_english(f"in preset {shown(name)}, {error}", error.field)) from error
    if unknown:
        _log.warning("preset %s: unknown and left out: %s", shown(name), ", ".join(map(shown, unknown[:16])))
    return preset


def unfolded(raw: Mapping[str, object]) -> dict[str, object]:
    """`size` as its two sides, and `prompt` as what stands around `{prompt}`."""
    flat = {str(key).replace("-", "_"): value for key, value in raw.items()}
    size = flat.pop("size", None)
    if size is not None:
        if not isinstance(size, str) or not (sides := _SIZE.fullmatch(size)):
            raise BadRequest(in_english(f"size is {shown(size)}; it must be text such as 768x512", "size"))
        flat |= {"width": int(sides[1]), "height": int(sides[2])}
    template = flat.pop("prompt", None)
    if template is not None:
        if not isinstance(template, str):
            raise BadRequest(
                in_english(f"prompt is {shown(template)}; it must be text, with {{prompt}} in it", "prompt")
            )
        before, mark, after = template.partition("{prompt}")
        flat |= {"prompt_prefix": before, "prompt_suffix": after} if mark else {"prompt_suffix": before}
    return flat


def _with_sampler(preset: Preset) -> Preset:
    """The sampler under our name, and the schedule that it may hold ("DPM++ 2M Karras") beside it."""
    if preset.sampler is None:
        return preset
    sampler, schedule = sampler_named(preset.sampler)
    if sampler not in SAMPLERS:
        find(sampler)
    return msgspec.structs.replace(preset, sampler=sampler, schedule=preset.schedule or schedule)
