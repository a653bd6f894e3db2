"""AUTOMATIC1111's `parameters` text, both ways: the lines that its pictures carry, and our recipe.

    a red fox
    Negative prompt: blurry
    Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: name

The format: https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/infotext_utils.py
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ...messages import Message, message
from ...words.lora_tags import tag_of, tags_in
from ...words.recipe import Lora
from .control_text import controls_written, take_controls
from .noise_text import noise_written, take_noise
from .samplers import sampler_from_other, schedule_from_other

SAMPLERS = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "deis": "DEIS",
    "dpm++ 2m": "DPM++ 2M",
    "dpm++ 2m sde": "DPM++ 2M SDE",
    "dpm++ 2s": "DPM++ 2S",
    "dpm++ 3m sde": "DPM++ 3M SDE",
    "dpm++ sde": "DPM++ SDE",
    "dpm2": "DPM2",
    "dpm2 a": "DPM2 a",
    "euler": "Euler",
    "euler a": "Euler a",
    "heun": "Heun",
    "lcm": "LCM",
    "lms": "LMS",
    "tcd": "TCD",
    "unipc": "UniPC",
}
SCHEDULES = {
    "default": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "beta": "Beta",
    "sgm uniform": "SGM Uniform",
    "simple": "Simple",
}
_OURS = {theirs.lower(): ours for ours, theirs in SAMPLERS.items()}
_OUR_SCHEDULES = {theirs.lower(): ours for ours, theirs in SCHEDULES.items()}
_AUTOMATIC = {
    "dpm++ 2m": "karras",
    "dpm++ 2m sde": "exponential",
    "dpm++ 3m sde": "exponential",
    "dpm++ sde": "karras",
    "dpm2": "karras",
    "dpm2 a": "karras",
}
"""What the web UI takes for `Schedule type: Automatic`; the model's own spacing for the rest."""

_UPSCALERS = {
    "lanczos": "Lanczos", "latent": "Latent", "bicubic": "Bicubic", "realesr-animevideov3": "R-ESRGAN AnimeVideo",
}  # fmt: skip
_BY_THEIR_NAME = {theirs.lower(): ours for ours, theirs in _UPSCALERS.items()}
_DISTILLED = "Distilled CFG Scale"
"""What Forge calls the guidance that a model is told; `CFG scale` is that of a second row then."""
_NUMBERS: dict[str, tuple[str, type[int] | type[float]]] = {
    "Steps": ("num_steps", int),
    "CFG scale": ("guidance", float),
    "Seed": ("seed", int),
    "Clip skip": ("clip", int),
    "Variation seed": ("subseed", int),
    "Variation seed strength": ("subseed_strength", float),
}
_HIRES_WORDS = {"Hires prompt": "prompt", "Hires negative prompt": "neg", "Hires CFG Scale": "guidance"}
_SAYS_NOTHING = frozenset(["Version", "Model hash", "VAE hash"])
_SHORT_HASH = re.compile(r"[0-9a-f]{10}")
"""The beginning of the SHA-256 of a model's whole file; of before 2023 there are others, of 8 digits."""
_HASH = re.compile(r"[0-9a-f]{10,64}")
_NEGATIVE = "Negative prompt:"
_MAX_PAIRS = 100
_SURE = frozenset(["Steps", "Sampler", "CFG scale", "Seed"])
_FIRST = re.compile(r"[ \n]{0,4}([A-Za-z][\w \-/.+]{0,40}):[ ]?")
"""A key and its colon."""
_BEGINNING = re.compile(r"Steps: ?\d")
_SEPARATOR = re.compile(r"[,\n]")
_DECIMAL_COMMA = re.compile(r"(\d{1,20}),(\d{1,20})", re.ASCII)
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')


def infotext_from_meta(meta: dict[str, Any]) -> str:
    """`meta`, a `GenerationParams` as a dict, the way AUTOMATIC1111 would write it."""
    loras = loras_in(meta.get("loras"))
    lines = [" ".join([meta.get("prompt", ""), *filter(None, map(tag_of, loras))])]
    if meta.get("neg"):
        lines.append(f"{_NEGATIVE} {meta['neg']}")
    pairs = pairs_from_meta(meta)
    parts = [f"{key}: {_written(value)}" for key, value in pairs.items() if value is not None]
    return "\n".join([*lines, ", ".join(parts)])


def pairs_from_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """What stands in the last line, by its keys; None for what doesn't."""
    loras = loras_in(meta.get("loras"))
    hires: dict[str, Any] = meta.get("hires") or {}
    upscaled = _last_enlargement(meta.get("upscaled"))
    schedule = meta.get("schedule", "default")
    strength = hires.get("strength", 0.55) if hires else meta.get("strength", 1.0) if meta.get("img") else None
    return {
        "Steps": meta.get("num_steps"),
        "Sampler": SAMPLERS.get(meta.get("sampler", ""), meta.get("sampler")),
        "Schedule type": SCHEDULES.get(schedule, schedule),
        "CFG scale": meta.get("true_cfg", meta.get("guidance")),
        _DISTILLED: meta.get("guidance") if "true_cfg" in meta else None,
        "Seed": meta.get("seed"),
        "Variation seed": meta.get("subseed"),
        "Variation seed strength": meta.get("subseed_strength"),
        "Size": f"{meta['width']}x{meta.get('height')}" if "width" in meta else None,
        "VAE": meta.get("vae"),
        "Model hash": sha256[0] if (sha256 := _SHORT_HASH.match(str(meta.get("sha256")))) else None,
        "Model": meta.get("model"),
        "Lora hashes": _hashes(loras),
        "Denoising strength": strength,
        "Clip skip": meta["clip"] if meta.get("clip", 1) > 1 else None,
        **noise_written(meta),
        "Hires upscale": hires.get("scale"),
        "Hires steps": hires.get("steps") or None,
        "Hires upscaler": _upscaler_called(hires.get("upscaler", "lanczos")) if hires else None,
        "Hires sampler": SAMPLERS.get(hires.get("sampler", ""), hires.get("sampler")),
        "Hires schedule type": SCHEDULES.get(hires.get("schedule", ""), hires.get("schedule")),
        **{key: hires.get(name) for key, name in _HIRES_WORDS.items()},
        "Postprocess upscale by": upscaled.get("scale"),
        "Postprocess upscaler": _upscaler_called(upscaled.get("upscaler")),
        **controls_written(meta.get("control")),
    }


def _last_enlargement(recorded: object) -> dict[str, Any]:
    """The last of a recipe's enlargements; an empty one for what is no list of them."""
    last = recorded[-1] if isinstance(recorded, list) and recorded else None
    return last if isinstance(last, dict) else {}


def _upscaler_called(name: object) -> object:
    return _UPSCALERS.get(name, name) if isinstance(name, str) else name


def meta_from_infotext(text: str) -> tuple[dict[str, Any], list[Message]]:
    """What `text` says, under our names, and a warning for each thing it says that we don't have. Never raises.

    Only what is said is there: a text without parameters is a prompt.
    """
    lines = text.replace("\r\n", "\n").strip().split("\n")
    last = _parameters_at(lines)
    negative = next((i for i in range(last) if lines[i].startswith(_NEGATIVE)), last)
    meta: dict[str, Any] = {"prompt": "\n".join(lines[:negative]).strip()}
    if negative < last:
        meta["neg"] = "\n".join(lines[negative:last]).removeprefix(_NEGATIVE).strip()
    pairs, _ = _pairs(_paragraph(lines, last))
    warnings: list[Message] = []
    _take_loras(pairs, meta, warnings)
    _take_numbers(pairs, meta, warnings)
    _take_sampler(pairs, meta, warnings)
    _take_second_pass(pairs, meta, warnings)
    take_noise(pairs, meta)
    take_controls(pairs, meta, warnings)
    for key, name in (("Model", "model"), ("VAE", "vae")):
        if pairs.get(key):
            meta[name] = pairs.pop(key)
    if _SHORT_HASH.fullmatch(pairs.get("Model hash", "").lower()):
        meta["sha256"] = pairs["Model hash"].lower()
    if unknown := [key for key in pairs if key not in _SAYS_NOTHING]:
        warnings.append(message("infotext.left_out", names=", ".join(unknown[:10]) + " …" * (len(unknown) > 10)))
    return meta, warnings


def loras_in(recorded: object) -> list[Lora]:
    """The LoRAs that a recipe names; none for what is no list of them."""
    try:
        return msgspec.convert(recorded or [], list[Lora])
    except msgspec.ValidationError:
        return []


def _hashes(loras: Sequence[Lora]) -> str | None:
    """By name, as far as they are known."""
    return ", ".join(f"{lora.name}: {lora.autov3}" for lora in loras if lora.autov3 and tag_of(lora)) or None


def _take_loras(pairs: dict[str, str], meta: dict[str, Any], warnings: list[Message]) -> None:
    """What tags in the prompt ask for, known by their hashes too."""
    text, tags = tags_in(meta["prompt"])
    if not tags:
        return
    listed = [part.rpartition(":") for part in pairs.pop("Lora hashes", "").split(",")]
    hashes = {
        name.rpartition(":")[2].strip(): digest.strip() for name, _, digest in listed if _HASH.fullmatch(digest.strip())
    }
    asked = []
    for lora, others, wrong in tags:
        if others or wrong:
            parts = ", ".join([*others, *filter(None, [wrong])])[:40]
            warnings.append(message("tag.others", "prompt", name=lora.name[:40], parts=parts))
        asked.append(msgspec.structs.replace(lora, autov3=hashes.get(lora.name, "")))
    meta |= {"prompt": text.strip(), "loras": msgspec.to_builtins(asked)}


def sampler_from_name(name: str, schedule_type: str | None = None) -> tuple[str | None, str | None]:
    """Our sampler and schedule for AUTOMATIC1111's, and for ComfyUI's and its kin; None for one that isn't here.

    Names of before 1.9 hold the schedule: "DPM++ 2M Karras" is ("dpm++ 2m", "karras").
    """
    base, schedule = name.lower().strip(), (schedule_type or "").lower().strip()
    if base not in _OURS:
        theirs, implied = sampler_from_other(base)
        if theirs:
            return theirs, _schedule_named(schedule) or implied or "default"
        base, _, suffix = base.rpartition(" ")
        if base not in _OURS or suffix not in ("karras", "exponential"):
            return None, _schedule_named(schedule)
        schedule = schedule or suffix
    sampler = _OURS[base]
    if schedule == "automatic":
        return sampler, _AUTOMATIC.get(sampler, "default")
    return sampler, _schedule_named(schedule) if schedule else "default"


def _schedule_named(name: str) -> str | None:
    return _OUR_SCHEDULES.get(name) or schedule_from_other(name)


def _parameters_at(lines: list[str]) -> int:
    """Where the parameters begin: the last line that does so as AUTOMATIC1111's do, else the last that can be one."""
    backwards = range(len(lines) - 1, -1, -1)
    begun = next((i for i in backwards if _BEGINNING.match(lines[i])), None)
    if begun is not None and _are_parameters(_paragraph(lines, begun), loosely=True):
        return begun
    return next((i for i in backwards if _are_parameters(lines[i])), len(lines))


def _paragraph(lines: list[str], start: int) -> str:
    """The lines from `start` to the next empty one: a value may hold a line's end."""
    return "\n".join(itertools.takewhile(str.strip, lines[start:]))


def _are_parameters(text: str, *, loosely: bool = False) -> bool:
    """Parameters are at least three pairs, one of which no prompt has; `loosely`: whatever stands between them."""
    if not _FIRST.match(text):
        return False
    pairs, loose = _pairs(text)
    return len(pairs) >= 3 and not _SURE.isdisjoint(pairs) and (loosely or not loose)


def _pairs(text: str) -> tuple[dict[str, str], bool]:
    """`key: value, key: "quoted, value", key: {…}`; whether there was text in between that is no pair.

    What is no pair belongs to the value before it: a list, a number with a decimal comma, a text with a line's end.
    """
    pairs: dict[str, str] = {}
    key, start, at, loose, count = "", 0, 0, False, 0
    while at < len(text) and count < _MAX_PAIRS:
        begun = _FIRST.match(text, at)
        if begun:
            _store(pairs, key, text[start : at - 1])
            key, start, count = begun[1].strip(), begun.end(), count + 1
            at = _value_end(text, start)
        else:
            loose = True
            at = _separator(text, at)
        at += 1
    _store(pairs, key, text[start : at - 1])
    return pairs, loose


def _store(pairs: dict[str, str], key: str, value: str) -> None:
    if key:
        value = value.strip()
        pairs[key] = _unquoted(value) if _QUOTED.fullmatch(value) else value


def _value_end(text: str, start: int) -> int:
    """Where the value that begins at `start` ends, whatever commas its quotes or brackets hold."""
    quoted = _QUOTED.match(text, start)
    closing = {"{": "}", "[": "]"}.get(text[start : start + 1])
    closed = quoted.end() if quoted else text.find(closing, start) if closing else start
    return _separator(text, max(closed, start))


def _separator(text: str, at: int) -> int:
    """The next comma or line's end, or the end."""
    match = _SEPARATOR.search(text, at)
    return match.start() if match else len(text)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


def _written(value: object) -> str:
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def _take_numbers(pairs: dict[str, str], meta: dict[str, Any], warnings: list[Message]) -> None:
    for key, (name, kind) in _NUMBERS.items():
        _take(pairs, key, kind, meta, name, warnings)
    told: dict[str, Any] = {}
    _take(pairs, _DISTILLED, float, told, "guidance", warnings)
    if told and "guidance" in meta:
        told["true_cfg"] = meta["guidance"]
    meta |= told
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", pairs.get("Size", ""), re.ASCII)
    if size:
        del pairs["Size"]
        meta["width"], meta["height"] = int(size[1]), int(size[2])


def _take_sampler(pairs: dict[str, str], meta: dict[str, Any], warnings: list[Message]) -> None:
    name, schedule_type = pairs.pop("Sampler", None), pairs.pop("Schedule type", None)
    if name is None and schedule_type is None:
        return
    sampler, schedule = sampler_from_name(name or "", schedule_type)
    if sampler:
        meta["sampler"] = sampler
    elif name:
        warnings.append(message("infotext.sampler", "sampler", value=name[:40]))
    if schedule:
        meta["schedule"] = schedule
    elif schedule_type:
        warnings.append(message("infotext.schedule", "schedule", value=schedule_type[:40]))


def _take_second_pass(pairs: dict[str, str], meta: dict[str, Any], warnings: list[Message]) -> None:
    """The strength belongs to the second pass where there is one, else to an input picture."""
    hires: dict[str, Any] = {}
    _take(pairs, "Hires upscale", float, hires, "scale", warnings)
    if not hires:
        _take(pairs, "Denoising strength", float, meta, "strength", warnings)
        return
    _take(pairs, "Denoising strength", float, hires, "strength", warnings)
    _take(pairs, "Hires steps", int, hires, "steps", warnings)
    upscaler = pairs.pop("Hires upscaler", "Lanczos")
    if upscaler.lower() in _BY_THEIR_NAME:
        hires["upscaler"] = _BY_THEIR_NAME[upscaler.lower()]
    else:
        warnings.append(message("infotext.upscaler", "hires.upscaler", value=upscaler[:40]))
    _take(pairs, "Hires CFG Scale", float, hires, "guidance", warnings)
    for key in ("Hires prompt", "Hires negative prompt"):
        if pairs.get(key):
            hires[_HIRES_WORDS[key]] = pairs.pop(key)
    name, schedule_type = pairs.pop("Hires sampler", None), pairs.pop("Hires schedule type", None)
    if name or schedule_type:
        sampler, schedule = sampler_from_name(name or "", schedule_type)
        hires |= {field: value for field, value in (("sampler", sampler), ("schedule", schedule)) if value}
    meta["hires"] = hires


def _take(
    pairs: dict[str, str],
    key: str,
    kind: type[int] | type[float],
    into: dict[str, Any],
    name: str,
    warnings: list[Message],
) -> None:
    """Move the number under `key` into `into[name]`; seeds keep every digit."""
    value = pairs.pop(key, None)
    if value is None:
        return
    if kind is float and (decimal := _DECIMAL_COMMA.fullmatch(value)):
        value = f"{decimal[1]}.{decimal[2]}"
    form = r"\d{1,20}" if kind is int else r"\d{1,20}(\.\d{1,20})?"
    if re.fullmatch(form, value, re.ASCII):
        into[name] = kind(value)
    else:
        warnings.append(message("infotext.number", name, key=key, value=value[:40]))
