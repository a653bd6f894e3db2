"""Fooocus's recipe: JSON with `base_model` and `resolution`, in the `parameters` text or the EXIF comment.

The form: `FooocusMetadataParser` in https://github.com/lllyasviel/Fooocus/blob/main/modules/meta_parser.py. Its styles
are words around the prompt; `full_prompt` holds what was drawn.
"""

from __future__ import annotations

import re
from typing import Any

from .reading import ForeignRecipe, draft, model_name
from .swarmui import take_sampler

PROGRAM = "Fooocus"
_SIZE = re.compile(r"\(?\s*(\d{1,5})\s*[,x×]\s*(\d{1,5})\s*\)?", re.ASCII)
_SAYS_NOTHING = frozenset(["version", "metadata_scheme", "base_model_hash", "performance", "created_by", "styles",
                           "prompt", "negative_prompt", "vae"])  # fmt: skip


def recipe_from_fooocus(values: dict[str, Any]) -> ForeignRecipe | None:
    """What `values` says, None where it is not Fooocus's."""
    if "base_model" not in values or not isinstance(values.get("prompt"), str):
        return None
    rest, made = dict(values), draft()
    made.text("prompt", _whole(rest.pop("full_prompt", None)) or rest.get("prompt"))
    made.text("neg", _whole(rest.pop("full_negative_prompt", None)) or rest.get("negative_prompt"))
    made.text("model", model_name(rest.pop("base_model")))
    made.whole("seed", rest.pop("seed", None))
    made.whole("num_steps", rest.pop("steps", None))
    made.real("guidance", rest.pop("guidance_scale", None))
    take_sampler(made, rest.pop("sampler", None), rest.pop("scheduler", None))
    size = _SIZE.fullmatch(str(rest.pop("resolution", "")).strip())
    if size:
        made.meta["width"], made.meta["height"] = int(size[1]), int(size[2])
    loras = rest.pop("loras", None)
    for each in loras if isinstance(loras, list) else []:
        made.lora(*(each[:2] if isinstance(each, list) and each else [None]))
    if isinstance(clip := rest.pop("clip_skip", None), int):
        made.whole("clip", clip)
    unused = [name for name, value in rest.items() if name not in _SAYS_NOTHING and value not in ("None", None, [], "")]
    made.left_out(PROGRAM, unused)
    return made


def _whole(value: object) -> str | None:
    """A prompt with its styles' words: a list of texts."""
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        return None
    return ", ".join(part for part in value if part) or None
