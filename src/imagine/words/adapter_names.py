"""How a LoRA's tensors and those of its relatives are named, in every trainer's spelling: which layer one belongs to,
and what it is there.

A layer is named after the module that it changes: kohya's `lora_unet_…`, peft's `transformer.….lora_A.weight`,
diffusers', LyCORIS's, XLabs', Black Forest Labs'. With underscores for dots and without what trainers put before them
all of them read alike.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

_BUNDLED = "bundle_emb."
"""What stands before the tensors of embeddings that lie in a LoRA's file, and before their words."""
_LONGEST = 500

_LORA = r"lora[12]?[._](?:up|down|mid|A|B)(?:\.\w+)*|lora_linear_layer\.(?:up|down)\.weight|lora_embedding_[AB]"
# How each training tool ends a tensor's name; diffusers' own oldest form has `.lora.down` and `_lora.down`.
_ENDING = (
    r"(?:\.(?P<loha>hada_(?:w[12]_[ab]|t[12]))|\.(?P<lokr>lokr_(?:w[12](?:_[ab])?|t[12]))"
    rf"|\.(?P<oft>(?:b?oft)_(?:blocks|diag|R|s)(?:\.\w+)*)|[._](?P<lora>{_LORA})"
    r"|\.(?P<ia3>on_input|ia3_l(?:\.\w+)*)|\.(?P<norm>[wb]_norm)"
    r"|\.(?P<glora>[ab][12]\.weight)|\.(?P<full>diff(?:_b)?)"
    r"|\.(?P<any>alpha|dora_scale|lora_magnitude_vector(?:\.\w+)*|rescale|scale|weight))$"
)
_DOTTED = r"^(?:base_model\.model\.)?(?:(?:model\.)?diffusion_model\.|unet\.|transformer\.)?"
_PREFIX = r"^(?:lycoris_|lora_)?(?:prior_unet_|unet_|transformer_(?!blocks))?"
_LOW_RANK = {"A": "down", "B": "up"}


class LayerTensor(NamedTuple):
    """Whose tensor one is, and which of them."""

    layer: str
    """The changed layer's name, with underscores for dots and without its trainer's prefix."""
    kind: str
    """What it is a sure sign of: `lora`, `loha`, `lokr`, `oft`, `ia3`, `norm`, `full`, `glora`; `any` of none."""
    part: str
    """Which of the layer's: `down`, `up`, `mid`, `hada_w1_a`, `alpha`, …"""


def layer_tensor(name: str) -> LayerTensor | None:
    """What a tensor's name says; None for what no trainer calls a layer's."""
    if len(name) > _LONGEST or "\n" in name:
        return None
    ending, dotted, prefix = _patterns()
    if (match := ending.search(name)) is None:
        return None
    layer = dotted.sub("", name[: match.start()], count=1).replace(".", "_")
    layer = prefix.sub("", layer, count=1).replace("_processor_", "_")
    kind = str(match.lastgroup)
    if match["lora"] and (numbered := re.match(r"lora([12])", match["lora"])):  # XLabs': the picture's, and the text's
        layer += f"_{numbered[1]}"
    return LayerTensor(layer, kind, _part(kind, match[kind]))


def bundled_word(name: str) -> str | None:
    """The word whose embedding a tensor of a LoRA's file is of; None for every other tensor."""
    if not name.startswith(_BUNDLED):
        return None
    return name.removeprefix(_BUNDLED).partition(".")[0]


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Made when the first is needed: few files are LoRAs."""
    return re.compile(_ENDING), re.compile(_DOTTED), re.compile(_PREFIX)


def _part(kind: str, ending: str) -> str:
    """Which part it is, by one name for all trainers."""
    bias = "_bias" if ending.endswith(".bias") else ""
    plain = ending.partition(".")[0] if kind != "lora" else ending
    if kind != "lora" or plain.startswith("lora_embedding"):
        return plain + bias
    side = next(word for word in re.split(r"[._]", plain) if word in ("up", "down", "mid", "A", "B"))
    return _LOW_RANK.get(side, side) + bias
