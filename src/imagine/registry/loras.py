"""LoRAs and their relatives, of every trainer's spelling: which kind, and for which family each was made.

By the names of the layers (`words/adapter_names.py`), a family's rows are searched in them; where names don't tell, the
width that a layer takes does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from ..families.facts import LoraSignature
from ..families.table import FAMILIES, family_of_architecture, family_of_context
from ..words.adapter_names import layer_tensor
from ..words.beside import CONTROL
from .header import TensorInfo
from .signatures import Detected

_MOST = 10_000
"""Layers that are looked at: three times what the largest LoRAs have."""
_MARKS = ("lora", "lokr_w", "hada_w", ".oft_", ".ia3_", "on_input", ".diff", ".w_norm", ".b_norm", ".a1.weight")
_UNET = r"(?:^|_)(?:down|up|mid)_block|(?:^|_)(?:input|output|middle)_block"
_CONTEXT = r"attn2_(?:processor_)?to_[kv]$"
_SD2_TEXT = r"encoder_layers_(?:1[2-9]|2\d)_"
_TEXT_LAYER = r"^(?:te\d?|text_encoder\d?|clip_[lgh])_.*(?:self_attn_[qkv]_proj|mlp_fc1)$"
_TAKING = ("down", "lora_embedding_A", "hada_w1_b", "diff")
"""The parts whose second dimension is what the layer takes."""


_FIRST, _MAPPED = ("img_in", "x_embedder"), 128
"""The layer that takes a Flux' latents, and what it takes then."""


class Layers(NamedTuple):
    """The layers that a file changes, by name, with the width that each takes (0 where its tensors don't tell)."""

    widths: dict[str, int]
    text: str
    """The names, one a line."""
    convolved: frozenset[str]
    """Those that change a convolution."""
    variant: str


def is_marked(tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether any name has something of a LoRA's: quick, and no proof."""
    text = "\n".join(tensors)
    return any(mark in text for mark in _MARKS)


def find_lora(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> Detected | None:
    """A LoRA, LyCORIS, IA3 or OFT file of any trainer's spelling, else None."""
    if not is_marked(tensors):
        return None
    layers = _layers(tensors)
    if layers is None:
        return None
    family = _family(layers, metadata)
    is_control = family == "flux" and _MAPPED in {layers.widths.get(name) for name in _FIRST}
    return Detected("lora", family, CONTROL if is_control else layers.variant)


def _layers(tensors: Mapping[str, TensorInfo]) -> Layers | None:
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    kinds: list[str] = []
    for name, info in tensors.items():
        if (told := layer_tensor(name)) is not None and told.kind != "any":
            parts.setdefault(told.layer, {})[told.part] = info.shape
            kinds.append(told.kind)
    if not parts:
        return None
    variant = max(dict.fromkeys(kinds), key=kinds.count)
    if variant == "lora" and any("motion_modules" in layer for layer in parts):
        variant = "motion"
    elif variant == "lora" and any("dora_scale" in name or "lora_magnitude_vector" in name for name in tensors):
        variant = "dora"
    widths = {layer: _width(part) for layer, part in parts.items()}
    convolved = frozenset(layer for layer, part in parts.items() if any(len(shape) == 4 for shape in part.values()))
    return Layers(widths, "\n".join(islice(widths, _MOST)), convolved, variant)


def _width(parts: Mapping[str, tuple[int, ...]]) -> int:
    """How many features the changed layer takes; 0: not told."""
    flat = {part: shape[1] for part, shape in parts.items() if len(shape) > 1}
    for part, taken in flat.items():
        if part in _TAKING:
            return taken
        if part.startswith("oft_R"):  # peft keeps a block of size b as its b(b-1)/2 numbers above the diagonal
            return parts[part][0] * (1 + math.isqrt(1 + 8 * taken)) // 2
    first, second = (flat.get(f"lokr_{w}", flat.get(f"lokr_{w}_b", 0)) for w in ("w1", "w2"))
    return first * second


def _family(layers: Layers, metadata: Mapping[str, str]) -> str:
    """The width of the conditioning decides, then what the trainer wrote, then the network's own shape."""
    unet = re.search(_UNET, layers.text) is not None
    if unet:
        contexts = (width for name, width in layers.widths.items() if re.search(_CONTEXT, name))
        if family := next(filter(None, map(family_of_context, contexts)), ""):
            return family
    if family := stated_family(metadata):
        return family
    rows = [(facts.name, facts.loras) for facts in FAMILIES.values() if facts.unet == unet]
    family = next((name for name, signatures in rows if _matches(signatures, layers)), "")
    return _sd_family(layers) if family == "stable_diffusion" else family or _text_family(layers)


def stated_family(metadata: Mapping[str, str]) -> str:
    """The family that a trainer wrote it was for; "" where that tells none."""
    for key in ("modelspec.architecture", "ss_base_model_version"):
        if family := family_of_architecture(metadata.get(key, "").lower()):
            return family
    return "sd2" if metadata.get("ss_v2", "").lower() == "true" else ""


def _matches(signatures: Iterable[LoraSignature], layers: Layers) -> bool:
    """Is any of the signatures found?"""
    return any(
        not each.widths or layers.widths[_line(layers.text, match.start())] in each.widths
        for each in signatures
        for match in re.finditer(each.pattern, layers.text, re.MULTILINE)
    )


def _line(text: str, position: int) -> str:
    """The line of `text` that `position` is in."""
    end = text.find("\n", position)
    return text[text.rfind("\n", 0, position) + 1 : end if end >= 0 else None]


def _sd_family(layers: Layers) -> str:
    """SD2 projects with linear layers where SD1 convolves, and has a larger text encoder."""
    projections = [name for name in layers.widths if name.endswith("proj_in")]
    if any(name in layers.convolved for name in projections):
        return "stable_diffusion"
    known = any(layers.widths[name] for name in projections)
    return "sd2" if known or _text_family(layers) == "sd2" else "stable_diffusion"


def _text_family(layers: Layers) -> str:
    """By the text encoders that it changes."""
    if re.search(r"^(?:te\d|text_encoder_\d)_encoder_block_", layers.text, re.MULTILINE):  # T5's
        return "sd3" if re.search(r"^(?:te3|text_encoder_3)_", layers.text, re.MULTILINE) else "flux"
    if re.search(r"^(?:te2|te1|text_encoder_2|clip_g)_", layers.text, re.MULTILINE):
        return "sdxl"
    if not re.search(r"^(?:te|text_encoder|clip_[lh])_", layers.text, re.MULTILINE):
        return ""
    widths = {width for name, width in layers.widths.items() if re.search(_TEXT_LAYER, name)}
    if re.search(_SD2_TEXT, layers.text) or 1024 in widths:
        return "sd2"
    return "stable_diffusion"
