"""One pure function in: what a client of AUTOMATIC1111 says → a `GenerateRequest`, and how the answer is to come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ...asking.checking import checked, refusal
from ...asking.request import GenerateRequest, parse
from ...messages import Message, Names, message
from ...pictures.foreign.infotext import meta_from_infotext
from ...pictures.looking.look import MaskReading
from ...words.control_units import model_called
from ...words.model_names import OWN, stem_of
from ...words.recipe import THEIR_NOISE, MaskFill
from ...words.samplers import SAMPLERS, NoiseKind
from ..http.security import Refused
from ..orders.output import Output, OutputFormat
from .coerced import coerced
from .fields import (
    EMPTY,
    IGNORED,
    MAX_BATCH,
    NAMED,
    NAMES,
    OF_PICTURES,
    OF_SECOND_PASSES,
    SAMPLER_OPTIONS,
    STRENGTH,
    UNHEEDED,
    WebUIFields,
    WebUIOptions,
)
from .samplers import chosen_sampler
from .second_pass import own_second_pass, second_pass
from .units import scripts_in

CHECKPOINT, VAE, CLIP = "sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"
MODULES, FORMAT, QUALITY = "forge_additional_modules", "samples_format", "jpeg_quality"
RANDOM = "randn_source"
OPTIONS = WebUIOptions.__struct_fields__
FORMATS: Mapping[str, OutputFormat] = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
PREVIEWS = 4
"""Pictures on the way, for who asks how far it is."""
_RESIZES = ("stretch", None, "fit", "stretch")
"""Ours, by the mode; not to say it is to crop."""
_LATENT_RESIZE = 3
_FILLS: tuple[MaskFill, ...] = ("fill", "original", "noise", "nothing")
"""Ours, by its number."""
THEIR_SOURCE = "CPU"
"""Of noise: the one whose numbers can be had here."""
_BLUR = 4.0
_HR = "hr_"
"""What begins so is of the second pass."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class WebUIUsual(NamedTuple):
    """What a request gets that doesn't say it."""

    kind: NoiseKind = "ordinary"
    steps: int = 50
    fills: Mapping[str, Any] = _NOTHING
    """What that program takes, where nothing here says otherwise."""
    vaes: Collection[str] = ()
    """The names of VAE files, which Forge names among other modules."""


NOTHING_USUAL = WebUIUsual()


class WebUIDelivery(NamedTuple):
    """How the answer is to come."""

    output: Output
    pictures: bool
    """Are they in it at all?"""
    sources: bool
    """Is what was started from given back?"""
    task: str
    """What the client calls it."""
    kept: Mapping[str, Any]
    """Options that hold for the client from now on."""


class WebUIRequest(NamedTuple):
    """A request in our words, and what is this dialect's alone."""

    request: GenerateRequest
    delivery: WebUIDelivery
    warnings: list[Message]
    called: Names
    styles: tuple[str, ...] = ()
    """Further presets, around which the request's own comes."""
    mask: MaskReading | None = None
    filled: tuple[str, ...] = ()


def webui_request_from(
    body: Mapping[str, object], usual: WebUIUsual = NOTHING_USUAL, options: Mapping[str, Any] = _NOTHING, *, shown: bool
) -> WebUIRequest:
    """What `body`, as read from JSON, asks for; `shown`: it starts from a picture, as `img2img` does.

    `options` are those that the client has set. Raises BadRequest, under the client's names.
    """
    plain = coerced({name: value for name, value in body.items() if value is not None and name not in IGNORED})
    foreign = OF_SECOND_PASSES if shown else OF_PICTURES
    own = {name: plain[name] for name in WebUIFields.__struct_fields__ if name in plain and name not in foreign}
    fields, _ = checked(own, WebUIFields)
    warnings: list[Message] = []
    unheeded = [name for name in plain if _is_unheeded(name, plain[name]) and (fields.enable_hr or name[:3] != _HR)]
    unheeded += [name for name in foreign if plain.get(name)] if shown else []
    rest = {name: value for name, value in plain.items() if name not in WebUIFields.__struct_fields__ | UNHEEDED.keys()}
    told = _told(fields.infotext, rest, warnings)
    overridden = fields.override_settings or {}
    unheeded += [f"override_settings.{name[:40]}" for name in overridden if name not in OPTIONS and overridden[name]]
    set_here = options_in(overridden)
    settings = {**options, **set_here}
    translated = _translated(fields, told | rest, settings, usual, warnings, shown=shown)
    scripts = scripts_in(fields.alwayson_scripts or {}, translated.get("img"))
    translated |= {"control": scripts.control} if scripts.control else {}
    of_all = scripts.control or rest.get("tiling")
    if of_all and translated.pop("mask_padding", None) is not None and fields.inpaint_full_res:
        unheeded.append("inpaint_full_res")
    unheeded += [f"override_settings.{RANDOM}"] if set_here.get(RANDOM) not in (None, THEIR_SOURCE) else []
    warnings += scripts.warnings
    if unheeded := [*unheeded, *scripts.unheeded]:
        warnings.append(message("webui.unheeded", names=", ".join(unheeded)))
    parsed = parse(told | _without_nothing(rest) | translated, NAMES, NAMED)
    called = dict(NAMED) | {field: name for field, name in parsed.called.items() if field not in translated}
    filled = [name for name in usual.fills if name in translated and getattr(parsed.request, name) is not None]
    return WebUIRequest(
        parsed.request, _delivery(fields, settings, set_here), [*warnings, *parsed.warnings], called,
        styles=(fields.styles or ())[:-1], mask=_mask_reading(fields),
        filled=(*filled, *(["strength"] if shown and fields.denoising_strength is None else [])),
    )  # fmt: skip


def options_in(said: Mapping[str, object]) -> dict[str, Any]:
    """What of that program's settings a client may have of its own. Raises BadRequest."""
    own = coerced({name: said[name] for name in OPTIONS if said.get(name) is not None})
    options, _ = checked(own, WebUIOptions)
    told = {
        CHECKPOINT: options.sd_model_checkpoint, VAE: options.sd_vae, CLIP: options.CLIP_stop_at_last_layers,
        MODULES: options.forge_additional_modules, FORMAT: options.samples_format, QUALITY: options.jpeg_quality,
        RANDOM: options.randn_source,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _is_unheeded(name: str, value: object) -> bool:
    return name in UNHEEDED and value not in UNHEEDED[name]


def _told(infotext: str | None, rest: Mapping[str, Any], warnings: list[Message]) -> dict[str, Any]:
    """What a picture's parameters say that the request doesn't, under our names."""
    if not infotext:
        return {}
    meta, notes = meta_from_infotext(infotext)
    warnings += notes
    said = {NAMES.get(name, name) for name in rest}
    return {name: value for name, value in meta.items() if name not in said and name not in ("control", "strength")}


def _translated(
    fields: WebUIFields, said: Mapping[str, Any], settings: Mapping[str, Any], usual: WebUIUsual,
    warnings: list[Message], *, shown: bool,
) -> dict[str, Any]:  # fmt: skip
    """Its own fields under our names; what they don't say isn't there."""
    if fields.script_name and fields.script_name not in EMPTY:
        raise Refused(422, message("webui.script", "script_name", value=fields.script_name[:40]))
    count = (fields.batch_size or 1) * (fields.n_iter or 1)
    if count > MAX_BATCH:
        name = "n_iter" if (fields.n_iter or 1) > 1 else "batch_size"
        allowed = message("allowed.between", kind=message("allowed.whole"), least="1", most=str(MAX_BATCH))
        raise refusal(name, count, allowed)
    ours: dict[str, Any] = {"prompt": said.get("prompt", "")}
    ours |= {"count": count} if count > 1 else {}
    ours |= _sampled(fields, said, usual, warnings) | _set(settings, usual.vaes)
    ours |= {"preset": fields.styles[-1]} if fields.styles else {}
    if shown:
        ours |= _started(fields, warnings)
    elif hires := second_pass(fields, said.get("width", 512), said.get("height", 512), warnings):
        ours["hires"] = hires | own_second_pass(fields, settings.get(CHECKPOINT), ours.get("sampler"), usual.kind)
    return ours | _noise(fields, ours.get("sampler"))


def _noise(fields: WebUIFields, sampler: str | None) -> dict[str, Any]:
    """What is said of noise beyond the seed, where it says anything to that sampler there."""
    row = SAMPLERS.get(sampler or "")
    options = {name: value for name in SAMPLER_OPTIONS if (value := getattr(fields, name)) is not None}
    if row is not None and row.eta is None and not row.random:  # which that program doesn't tell it either
        options.pop("eta", None)
    if not options.get("s_churn"):
        options = {name: value for name, value in options.items() if name in ("eta", "s_noise")}
    if not options.get("s_tmax"):
        options.pop("s_tmax", None)
    if options.get("s_noise") == 1:
        del options["s_noise"]
    ours: dict[str, Any] = {"sampler_options": options} if options else {}
    width, height = fields.seed_resize_from_w or 0, fields.seed_resize_from_h or 0
    return ours | ({"seed_width": width, "seed_height": height} if width > 0 and height > 0 else {})


def _sampled(
    fields: WebUIFields, said: Mapping[str, Any], usual: WebUIUsual, warnings: list[Message]
) -> dict[str, Any]:
    """The sampler, its schedule, and what else that program takes for what isn't said."""
    names = (fields.sampler_name, fields.sampler_index, said.get("sampler"))
    name = next((each for each in names if isinstance(each, str) and each not in EMPTY), None)
    steps = next((said[each] for each in ("steps", "num_steps", "num_inference_steps") if each in said), usual.steps)
    given = {NAMES.get(each, each) for each in said}
    filled = {field: value for field, value in usual.fills.items() if field not in given and field != "sampler"}
    name = name or usual.fills.get("sampler")
    scheduler = fields.scheduler or said.get("schedule")
    chosen = chosen_sampler(name, scheduler, usual.kind, steps if isinstance(steps, int) else usual.steps)
    if chosen.beside is not None:
        warnings.append(message("webui.beside", "schedule"))
    both = {"sampler": chosen.sampler, "schedule": chosen.schedule}
    return filled | {field: value for field, value in both.items() if value is not None}


def _set(settings: Mapping[str, Any], vaes: Collection[str]) -> dict[str, Any]:
    """What settings say of the picture."""
    ours: dict[str, Any] = {}
    if (model := settings.get(CHECKPOINT)) and model not in EMPTY:
        ours["model"] = model_called(model)
    vae = settings.get(VAE)
    if vae and vae != "Automatic":
        ours["vae"] = OWN if vae == "None" else model_called(vae)
    if modules := settings.get(MODULES):
        ours |= _with_modules([stem_of(each) for each in modules], vaes)
    if (clip := settings.get(CLIP)) not in (None, 0, 1):
        ours["clip"] = clip
    return ours | ({"noise": THEIR_NOISE} if settings.get(RANDOM) == THEIR_SOURCE else {})


def _with_modules(names: Sequence[str], vaes: Collection[str]) -> dict[str, Any]:
    """What Forge is told beside a model: a VAE, and text encoders."""
    encoders = [name for name in names if name not in vaes]
    vae = next((name for name in names if name in vaes), None)
    return ({"vae": vae} if vae else {}) | ({"text_encoders": encoders} if encoders else {})


def _started(fields: WebUIFields, warnings: list[Message]) -> dict[str, Any]:
    """What is started from, and how."""
    pictures = fields.init_images or ()
    if not pictures:
        raise Refused(404, message("value.missing", "img", allowed=message("allowed.picture")).called("init_images"))
    if len(pictures) > 1:
        warnings.append(message("webui.first", "img", count=len(pictures)))
    mode = fields.resize_mode or 0
    if mode == _LATENT_RESIZE:
        warnings.append(message("webui.made_as", "resize", value=mode, used="0"))
    strength = STRENGTH if fields.denoising_strength is None else fields.denoising_strength
    started: dict[str, Any] = {"img": pictures[0], "strength": strength, "resize": _RESIZES[mode]}
    if fields.mask:
        started |= {"mask": fields.mask, "mask_fill": _FILLS[fields.inpainting_fill or 0]}
        if fields.inpaint_full_res is None or fields.inpaint_full_res:
            started["mask_padding"] = fields.inpaint_full_res_padding or 0
    return started


def _mask_reading(fields: WebUIFields) -> MaskReading | None:
    if not fields.mask:
        return None
    usual = _BLUR if fields.mask_blur is None else fields.mask_blur
    across, down = (usual if each is None else each for each in (fields.mask_blur_x, fields.mask_blur_y))
    return MaskReading(bool(fields.inpainting_mask_invert), (across, down))


def _delivery(fields: WebUIFields, settings: Mapping[str, Any], set_here: Mapping[str, Any]) -> WebUIDelivery:
    quality = settings.get(QUALITY, Output().quality)
    output = Output(
        format=FORMATS.get(settings.get(FORMAT, "png").lower(), "png"),
        quality=quality if 1 <= quality <= 100 else Output().quality,
        previews=PREVIEWS,
    )
    kept = set_here if fields.override_settings_restore_afterwards is False else _NOTHING
    return WebUIDelivery(
        output, fields.send_images is not False, bool(fields.include_init_images), fields.force_task_id or "", kept
    )


def _without_nothing(said: Mapping[str, Any]) -> dict[str, Any]:
    """Without names that stand for nothing, and without what says nothing beside them."""
    kept = {name: value for name, value in said.items() if not (name in NAMES and value in ("", "None"))}
    if "negative_prompt" in said:
        kept["negative_prompt"] = said["negative_prompt"]
    if not any(kept.get(name) for name in ("refiner", "refiner_checkpoint")):
        kept.pop("refiner_switch_at", None)
    if not kept.get("subseed_strength"):
        kept.pop("subseed", None)
        kept.pop("subseed_strength", None)
    return kept
