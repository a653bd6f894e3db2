"""SwarmUI's recipe: JSON with `sui_image_params`, in the `parameters` text of a PNG or the EXIF comment of a JPEG.

The form: https://github.com/mcmonkeyprojects/SwarmUI/blob/master/docs/Image%20Metadata%20Format.md
"""

from __future__ import annotations

from typing import Any

from .reading import ForeignRecipe, draft, model_name
from .samplers import sampler_from_other, schedule_from_other

PROGRAM = "SwarmUI"
_SAYS_NOTHING = frozenset(["swarm_version", "images", "date", "generation_time", "aspectratio", "automaticvae",
                           "personalnote", "intermediate", "batchsize", "noinpututilization"])  # fmt: skip


def recipe_from_swarmui(values: dict[str, Any]) -> ForeignRecipe | None:
    """What `values` says, None where it is not SwarmUI's."""
    if not isinstance(params := values.get("sui_image_params"), dict):
        return None
    rest, made = dict(params), draft()
    made.text("prompt", rest.pop("prompt", None))
    made.text("neg", rest.pop("negativeprompt", None))
    made.text("model", model_name(rest.pop("model", None)))
    made.text("vae", model_name(rest.pop("vae", None)))
    for theirs, ours in (("seed", "seed"), ("steps", "num_steps"), ("width", "width"), ("height", "height")):
        made.whole(ours, rest.pop(theirs, None))
    made.guided(rest.pop("fluxguidancescale", None), rest.pop("cfgscale", None))
    take_sampler(made, rest.pop("sampler", None), rest.pop("scheduler", None))
    _take_loras(made, rest.pop("loras", None), rest.pop("loraweights", None))
    if "initimage" in rest or "initimagecreativity" in rest:
        made.real("strength", rest.pop("initimagecreativity", None), most=1)
    made.left_out(PROGRAM, [name for name in rest if name not in _SAYS_NOTHING])
    return made


def _take_loras(made: ForeignRecipe, names: object, weights: object) -> None:
    """Two lists, or older, two texts with commas."""
    listed, weighed = (
        [] if said is None else said.split(",") if isinstance(said, str) else said for said in (names, weights)
    )
    if not isinstance(listed, list) or not isinstance(weighed, list):
        made.refuse("loras", names)
        return
    for place, name in enumerate(listed):
        made.lora(name, weighed[place] if place < len(weighed) else 1.0)


def take_sampler(made: ForeignRecipe, sampler: object, schedule: object) -> None:
    """Takes a sampler and a schedule by the names of ComfyUI's kin."""
    implied = None
    if isinstance(sampler, str) and sampler:
        ours, implied = sampler_from_other(sampler)
        if ours:
            made.meta["sampler"] = ours
        else:
            made.refuse("sampler", sampler)
    ours = schedule_from_other(schedule) if isinstance(schedule, str) else None
    if ours or implied:
        made.meta["schedule"] = ours or implied
    elif schedule:
        made.refuse("schedule", schedule)
