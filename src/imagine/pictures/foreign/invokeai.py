"""InvokeAI's recipe: JSON in a PNG's `invokeai_metadata` text.

The form: `CoreMetadataInvocation` in https://github.com/invoke-ai/InvokeAI/blob/main/invokeai/app/invocations/metadata.py.
"""

from __future__ import annotations

from typing import Any

from .reading import ForeignRecipe, draft, model_name
from .swarmui import take_sampler

PROGRAM = "InvokeAI"
_SAYS_NOTHING = frozenset(["app_version", "generation_mode", "rand_device", "positive_style_prompt",
                           "negative_style_prompt", "canvas_v2_metadata", "ref_images"])  # fmt: skip


def recipe_from_invokeai(values: dict[str, Any]) -> ForeignRecipe | None:
    """What `values` says, None where it is not InvokeAI's."""
    if "positive_prompt" not in values:
        return None
    rest, made = dict(values), draft()
    made.text("prompt", rest.pop("positive_prompt"))
    made.text("neg", rest.pop("negative_prompt", None))
    made.text("model", _name(rest.pop("model", None)))
    made.text("vae", _name(rest.pop("vae", None)))
    for theirs, ours in (("seed", "seed"), ("steps", "num_steps"), ("width", "width"), ("height", "height")):
        made.whole(ours, rest.pop(theirs, None))
    made.guided(rest.pop("guidance", None), rest.pop("cfg_scale", None))
    made.real("strength", rest.pop("strength", None), most=1)
    take_sampler(made, rest.pop("scheduler", None), None)
    loras = rest.pop("loras", None)
    for each in loras if isinstance(loras, list) else []:
        named = each if isinstance(each, dict) else {}
        made.lora(_name(named.get("model") or named.get("lora")), named.get("weight", 1.0))
    skipped = rest.pop("clip_skip", None)
    if isinstance(skipped, int) and not isinstance(skipped, bool) and skipped >= 0:
        made.meta["clip"] = skipped + 1  # it counts the layers that are left out
    unused = [name for name, value in rest.items() if name not in _SAYS_NOTHING and value not in (None, [], 0)]
    made.left_out(PROGRAM, unused)
    return made


def _name(model: object) -> object:
    """The name of a model as any of its releases wrote it."""
    if isinstance(model, dict):
        return model_name(model.get("name") or model.get("model_name"))
    return model_name(model)
