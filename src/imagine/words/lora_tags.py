"""AUTOMATIC1111's tags of LoRAs in a prompt, `<lora:ink:0.8>` and their kin: read and written.

`<lora:NAME:TE:UNET>` weighs the text encoders by TE and the denoiser by UNET, `te=` and `unet=` say the same by name;
what isn't said is as the text encoders', or 1. As
https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/extensions-builtin/Lora/extra_networks_lora.py
reads them. `<lyco:…>` is the same. What other extensions say in them (weights by block, by step) is told apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from .recipe import Lora

_TAG = re.compile(r"<\s*(?:lora|lyco)\s*:([^<>:]{0,200})((?::[^<>]{0,400})?)>", re.IGNORECASE)
_NAMED = re.compile(r"\s*([a-z_]{1,20})\s*=(.*)", re.IGNORECASE | re.DOTALL)
_UNWRITABLE = re.compile(r"[<>:]")
_WEIGHTS = ("te", "unet")
"""In their order, where they have no names."""


class LoraTag(NamedTuple):
    """One tag: what it asks for, and what of it means nothing here."""

    lora: Lora
    others: tuple[str, ...] = ()
    """Weights by block and the like, as they were written."""
    wrong: str = ""
    """What stands where a weight should; the tag can't be heeded then."""


def tags_in(text: str) -> tuple[str, list[LoraTag]]:
    """`text` without its tags of LoRAs, and these in their order."""
    tags: list[LoraTag] = []

    def taken_out(match: re.Match[str]) -> str:
        tags.append(_tag(match[1].strip(), match[2].split(":")[1:]))
        return ""

    return _TAG.sub(taken_out, text), tags


def tag_of(lora: Lora) -> str:
    """The tag that asks for it; "" where its name can't stand in one."""
    if _UNWRITABLE.search(lora.name):
        return ""
    denoiser, clip = f"{lora.weight:.10g}", f"{lora.clip:.10g}"
    return f"<lora:{lora.name}:{clip}>" if denoiser == clip else f"<lora:{lora.name}:{clip}:{denoiser}>"


def _tag(name: str, parts: Sequence[str]) -> LoraTag:
    named, placed, others = dict[str, str](), list[str](), list[str]()
    for part in parts:
        match = _NAMED.fullmatch(part)
        if match is None:
            placed.append(part.strip())
        elif match[1].lower() in _WEIGHTS:
            named[match[1].lower()] = match[2].strip()
        else:
            others.append(part.strip())
    weights = 2 if len(placed) > 1 and _number(placed[1]) is not None else 1  # else a preset of weights by block
    said = dict(zip(_WEIGHTS, placed[:weights], strict=False)) | named
    others += placed[weights:]
    numbers = {key: _number(text) for key, text in said.items()}
    if wrong := next((said[key] or "''" for key, number in numbers.items() if number is None), ""):
        return LoraTag(Lora(name=name, weight=1.0), tuple(others), wrong)
    clip = numbers.get("te", 1.0)
    weight = numbers.get("unet", clip)
    assert clip is not None, "all of them are numbers"
    assert weight is not None, "all of them are numbers"
    return LoraTag(Lora(name=name, weight=weight, clip_weight=None if clip == weight else clip), tuple(others))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
