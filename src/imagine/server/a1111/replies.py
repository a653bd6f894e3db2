"""One pure function out: finished pictures → what a client of that program reads, `info` in its JSON included."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from ...messages import Message, Names, sentences
from ...pictures.foreign.infotext import SAMPLERS, SCHEDULES, infotext_from_meta
from ...words.events import Finished
from ..http.encoding import body_from
from .fields import DEFAULTS

_PICTURES = ("init_images", "mask")
_SCRIPTS = "alwayson_scripts"
_SHOWN = 2000
"""Characters beyond which a text in a script's arguments is a picture, and isn't given back."""


def painted_answer(
    parameters: Mapping[str, Any], finished: Sequence[Finished], previews: Sequence[bytes], warnings: Sequence[str],
    *, pictures: bool,
) -> dict[str, Any]:  # fmt: skip
    """The object of `txt2img` and `img2img`, of a request's `parameters_from`; `previews` are of pictures that were
    interrupted."""
    shown = [base64_of(data) for data in (*(each.data for each in finished), *previews)]
    return {
        "images": shown if pictures else [],
        "parameters": parameters,
        "info": body_from(info_from(parameters, finished, warnings, time.localtime())).decode(),
    }


def base64_of(data: bytes) -> str:
    """As JSON holds a picture."""
    return b64encode(data).decode("ascii")


def parameters_from(body: Mapping[str, Any], *, sources: bool) -> dict[str, Any]:
    """What was asked, with what that program takes for the rest; pictures only where that is wanted."""
    said = {**DEFAULTS, **body}
    if not sources:
        said |= {name: None for name in _PICTURES if name in said}
    return {**said, _SCRIPTS: _without_pictures(said[_SCRIPTS])}


def _without_pictures(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_pictures(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_pictures(part) for part in value]
    return None if isinstance(value, str) and len(value) > _SHOWN else value


def info_from(
    body: Mapping[str, Any], finished: Sequence[Finished], warnings: Sequence[str], now: time.struct_time
) -> dict[str, Any]:
    """What clients read of how the pictures were made; of several, the first where there is one value."""
    metas = [each.meta for each in finished] or [{}]
    first = metas[0]
    seeds, subseeds = [_whole(meta, "seed") for meta in metas], [_whole(meta, "subseed") for meta in metas]
    prompts, negatives = [str(meta.get("prompt", "")) for meta in metas], [str(meta.get("neg", "")) for meta in metas]
    schedule = first.get("schedule", "default")
    extra = {"Schedule type": SCHEDULES.get(schedule, schedule)} | ({"warnings": [*warnings]} if warnings else {})
    strength = first.get("strength") if first.get("img") else (first.get("hires") or {}).get("strength")
    return {
        "prompt": prompts[0], "all_prompts": prompts, "negative_prompt": negatives[0],
        "all_negative_prompts": negatives, "seed": seeds[0], "all_seeds": seeds, "subseed": subseeds[0],
        "all_subseeds": subseeds, "subseed_strength": first.get("subseed_strength", 0.0),
        "width": first.get("width", 0), "height": first.get("height", 0),
        "sampler_name": SAMPLERS.get(first.get("sampler", ""), first.get("sampler", "")),
        "cfg_scale": first.get("guidance", 0.0), "steps": first.get("num_steps", 0),
        "batch_size": body.get("batch_size") or 1, "restore_faces": False, "face_restoration_model": None,
        "sd_model_name": first.get("model", ""), "sd_model_hash": str(first.get("sha256") or "")[:10],
        "sd_vae_name": first.get("vae"), "sd_vae_hash": None,
        "seed_resize_from_w": first.get("seed_width", -1), "seed_resize_from_h": first.get("seed_height", -1),
        "denoising_strength": strength, "extra_generation_params": extra, "index_of_first_image": 0,
        "infotexts": [infotext_from_meta(meta) for meta in metas] if finished else [],
        "styles": [each for each in body.get("styles") or [] if isinstance(each, str)],
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", now), "clip_skip": first.get("clip", 1),
        "is_using_inpainting_conditioning": False, "version": "v1.10.1",
    }  # fmt: skip


def warned(notes: Sequence[Message], finished: Sequence[Finished], called: Names) -> list[str]:
    """The warnings of a request and of its pictures, in the client's names."""
    return sentences([*notes, *(note for each in finished for note in each.warnings)], called=called)


def _whole(meta: Mapping[str, Any], name: str) -> int:
    """A seed, which a recipe has as text; -1 for none."""
    return int(meta.get(name, -1))
