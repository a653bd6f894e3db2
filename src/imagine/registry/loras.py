"""LoRAs and their relatives, of every trainer's spelling: which kind, and for which family each was made.

A layer is named after the module that it changes, in its trainer's spelling (kohya's `lora_unet_…`, peft's
`transformer.….lora_A.weight`, diffusers', LyCORIS's, XLabs', Black Forest Labs'). With underscores for dots all of
them read alike, and a family's rows are searched in that text; where names don't tell, the width that a layer takes
does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from .adapters import FAMILY_BY_CONTEXT
from .header import TensorInfo
from .signatures import Found

_LONGEST = 500
_MOST = 10_000
"""Layers that are looked at: three times what the largest LoRAs have."""
_MARKS = ("lora", "lokr_w", "hada_w", ".oft_", ".ia3_", "on_input", ".diff", ".w_norm", ".b_norm", ".a1.weight")
_LORA = r"lora[12]?[._](?:up|down|mid|A|B)(?:\.\w+)*|lora_linear_layer\.(?:up|down)\.weight|lora_embedding_[AB]"
# How each training tool ends a tensor's name; diffusers' own oldest form has `.lora.down` and `_lora.down`.
_ENDING = (
    r"(?:\.(?P<loha>hada_(?:w[12]_[ab]|t[12]))|\.(?P<lokr>lokr_(?:w[12](?:_[ab])?|t2))"
    rf"|\.(?P<oft>oft_(?:blocks|diag|R)(?:\.\w+)*)|[._](?P<lora>{_LORA})"
    r"|\.(?P<ia3>on_input|ia3_l(?:\.\w+)*)|\.(?P<norm>[wb]_norm)"
    r"|\.(?P<glora>[ab][12]\.weight)|\.(?P<full>diff(?:_b)?))$"
)
_DOTTED = r"^(?:base_model\.model\.)?(?:(?:model\.)?diffusion_model\.|unet\.|transformer\.)?"
_PREFIX = r"^(?:lycoris_|lora_)?(?:prior_unet_|unet_|transformer_(?!blocks))?"

# The smallest FLUX.2 is as wide as FLUX.1, and has 5 and 20 blocks where that has 19 and 38.
_KLEIN = (
    r"\A(?![\s\S]*^(?:double_blocks_(?:[5-9]|1\d)|single_blocks_[23]\d)_)"
    r"(?=[\s\S]*^double_blocks_4_)(?=[\s\S]*^single_blocks_19_)"
)
_ROWS: tuple[tuple[str, str, frozenset[int]], ...] = tuple(
    (family, pattern, frozenset(widths))
    for family, pattern, *widths in (
        ("chroma", r"distilled_guidance_layer"),
        ("flux2", r"single_stream_modulation|attn_to_qkv_mlp_proj|double_stream_modulation"),
        ("flux2", r"^transformer_blocks_\d+_ff(?:_context)?_linear_in"),
        ("hidream", r"double_stream_blocks_|single_stream_blocks_"),
        ("hunyuan-video", r"individual_token_refiner|token_refiner_refiner_blocks"),
        ("flux2", r"^double_blocks_\d+_(?:img|txt)_attn_qkv|^single_blocks_\d+_linear1", 4096, 6144),
        ("flux2", r"^single_blocks_4[0-7]_"),
        ("flux2", _KLEIN),
        ("hunyuan-video", r"^double_blocks_19_|^single_blocks_3[89]_|^single_transformer_blocks_3[89]_"),
        ("auraflow", r"^joint_transformer_blocks_|^double_layers_\d+_|^single_layers_\d+_"),
        ("kandinsky5", r"visual_transformer_blocks_"),
        ("flux", r"^double_blocks_|^single_blocks_|^single_transformer_blocks_"),
        ("flux", r"^(?:img_in|guidance_in|vector_in)$"),
        ("sd3.5", r"^joint_blocks_(?:2[4-9]|3\d)_|x_block_attn2_"),
        ("sd3.5", r"^joint_blocks_\d+_(?:x|context)_block_attn_qkv", 2432),
        ("sd3.5", r"^transformer_blocks_\d+_attn_(?:add|to)_[qkv]", 2432),
        ("sd3", r"^joint_blocks_"),
        ("sd3", r"^transformer_blocks_\d+_attn_(?:add_[qkv]_proj|to_[qkv])", 1536),
        ("krea2", r"text_?fusion|txtfusion|^transformer_blocks_\d+_attn_to_gate|^blocks_\d+_attn_(?:w[qkvo]|gate)$"),
        ("qwen-image", r"_(?:img|txt)_(?:mlp|mod)_|^transformer_blocks_(?:19|[2-5]\d)_attn_"),
        ("qwen-image", r"^transformer_blocks_\d+_attn_(?:add_[qkv]_proj|to_add_out|to_[qkv])", 3072),
        # Cosmos 2 of 2B is the network that Anima was tuned from; LoRAs of that width are Anima's.
        ("anima", r"llm_adapter_|^te_layers_\d+_self_attn_"),
        ("anima", r"^blocks_\d+_(?:cross|self)_attn_q_proj", 2048),
        ("cosmos-2.0", r"^blocks_\d+_(?:cross|self)_attn_[qkv]_proj|^transformer_blocks_\d+_norm[123]_linear_1"),
        ("wan", r"^blocks_\d+_(?:(?:cross|self)_attn_[qkvo](?:_img)?$|ffn_|attn[12]_to_)"),
        ("ernie-image", r"^layers_\d+_self_attention_"),
        ("ideogram4", r"^layers_\d+_attention_(?:to_[qkv]|qkv)", 4608),
        ("lumina2", r"^layers_\d+_attention_(?:to_[qkv]|qkv)", 2304),
        ("lumina2", r"^layers_\d+_attn_"),
        ("z-image", r"^layers_\d+_(?:attention|feed_forward|adaLN_modulation)|^(?:noise|context)_refiner_"),
        ("ltx2", r"_audio_|^audio_|_a2v_"),
        ("mochi", r"_attn1_add_[qkv]_proj|_attn_qkv_x"),
        ("sana", r"ff_conv_(?:inverted|point)"),
        ("sana", r"^transformer_blocks_\d+_attn[12]_to_[qkv]", 2240),
        ("pixart", r"^transformer_blocks_\d+_attn[12]_to_[qkv]|^blocks_\d+_cross_attn_(?:q|kv)_linear", 1152),
        ("cogview3", r"^transformer_blocks_\d+_attn1_to_[qkv]", 2560),
        ("ltx", r"^transformer_blocks_\d+_attn2_to_[qkv]", 2048, 4096),
        ("cogview4", r"^transformer_blocks_\d+_attn1_to_[qkv]", 4096),
        ("ltx", r"^transformer_blocks_\d+_attn1_to_[qkv]", 2048),
    )
)  # fmt: skip
"""A family, what is searched in the layers' names, one a line, and what widths the found layer may take, if not any."""

_UNET = r"(?:^|_)(?:down|up|mid)_block|(?:^|_)(?:input|output|middle)_block"
_UNET_ROWS: tuple[tuple[str, str, frozenset[int]], ...] = tuple(
    (family, pattern, frozenset(widths))
    for family, pattern, *widths in (
        # SDXL stacks transformer blocks and attends to nothing at its first level; it has three levels, others four.
        ("sdxl", r"attentions_\d_transformer_blocks_[1-9]|block_1_transformer_blocks_[1-9]|add_embedding|label_emb"),
        ("sdxl", r"put_blocks_\d+_1_transformer_blocks_[1-9]|^up_blocks_0_attentions_|^output_blocks_[012]_1_"),
        ("sdxl", r"^up_blocks_1_attentions_\d_transformer_blocks_\d_attn[12]_to_q", 640),
        ("sd", r"^down_blocks_(?:0_attentions|3)_|^up_blocks_(?:2_attentions|3)_"),
        ("sd", r"^input_blocks_(?:[12]_1|9|1[01])_|^output_blocks_(?:[678]_1|9|1[01])_"),
        ("sd", r"^up_blocks_1_attentions_\d_transformer_blocks_\d_attn[12]_to_q", 1280),
        ("stable_cascade", r"^(?:down|up)_blocks_\d+_\d+_(?:attention|channelwise|mapper)"),
        ("sdxl", r"^(?:te2|text_encoder_2|te1|clip_g)_"),
    )
)  # fmt: skip
_CONTEXT = r"attn2_(?:processor_)?to_[kv]$"
_SD2_TEXT = r"encoder_layers_(?:1[2-9]|2\d)_"
_TEXT_LAYER = r"^(?:te\d?|text_encoder\d?|clip_[lgh])_.*(?:self_attn_[qkv]_proj|mlp_fc1)$"
_ARCHITECTURES = (
    ("stable-diffusion-v1", "stable_diffusion"), ("sd_v1", "stable_diffusion"), ("sd1", "stable_diffusion"),
    ("stable-diffusion-v2", "sd2"), ("sd_v2", "sd2"), ("sd2", "sd2"),
    ("stable-diffusion-xl", "sdxl"), ("sdxl", "sdxl"),
    ("stable-diffusion-3.5", "sd3.5"), ("sd3.5", "sd3.5"), ("stable-diffusion-3", "sd3"), ("sd3", "sd3"),
    ("flux.2", "flux2"), ("flux-2", "flux2"), ("flux2", "flux2"), ("flux", "flux"),
    ("hunyuan-video", "hunyuan-video"), ("hunyuan_image", "hunyuan-image"), ("hunyuan-image", "hunyuan-image"),
    ("qwen-image", "qwen-image"), ("qwen_image", "qwen-image"), ("wan", "wan"),
    ("z-image", "z-image"), ("z_image", "z-image"), ("zimage", "z-image"),
    ("chroma", "chroma"), ("lumina", "lumina2"), ("krea", "krea2"), ("anima", "anima"),
)  # fmt: skip
"""Beginnings of what trainers write as `modelspec.architecture` or `ss_base_model_version`."""


_TAKING = ("down", "down.weight", "_A", "_A.weight", "_A.default.weight", "hada_w1_b", "diff")
"""Endings of the parts whose second dimension is what the layer takes."""


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


def find_lora(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> Found | None:
    """A LoRA, LyCORIS, IA3 or OFT file of any trainer's spelling, else None."""
    if not is_marked(tensors):
        return None
    layers = _layers(tensors)
    return Found("lora", _family(layers, metadata), layers.variant) if layers else None


def _layers(tensors: Mapping[str, TensorInfo]) -> Layers | None:
    ending, dotted, prefix = map(re.compile, (_ENDING, _DOTTED, _PREFIX))  # here: few files are LoRAs
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    kinds: list[str] = []
    for name, info in tensors.items():
        if len(name) > _LONGEST or "\n" in name:  # no trainer's, and the patterns are for lines
            continue
        if match := ending.search(name):
            layer = dotted.sub("", name[: match.start()], count=1).replace(".", "_")
            layer = prefix.sub("", layer, count=1).replace("_processor_", "_")
            kind = str(match.lastgroup)
            parts.setdefault(layer, {})[match[kind]] = info.shape
            kinds.append(kind)
    if not parts:
        return None
    variant = max(dict.fromkeys(kinds), key=kinds.count)
    if variant == "lora" and any("motion_modules" in layer for layer in parts):
        variant = "motion"
    elif variant == "lora" and any("dora_scale" in name for name in tensors):
        variant = "dora"
    widths = {layer: _width(found) for layer, found in parts.items()}
    convolved = frozenset(layer for layer, found in parts.items() if any(len(shape) == 4 for shape in found.values()))
    return Layers(widths, "\n".join(islice(widths, _MOST)), convolved, variant)


def _width(parts: Mapping[str, tuple[int, ...]]) -> int:
    """How many features the changed layer takes; 0: not told."""
    flat = {part: shape[1] for part, shape in parts.items() if len(shape) > 1}
    for part, taken in flat.items():
        if part.endswith(_TAKING):
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
        if family := next((FAMILY_BY_CONTEXT[width] for width in contexts if width in FAMILY_BY_CONTEXT), ""):
            return family
    if family := _stated(metadata):
        return family
    if not unet and (family := next(_matching(_ROWS, layers), "")):
        return family
    family = next(_matching(_UNET_ROWS, layers), "") if unet else ""
    return _sd_family(layers) if family == "sd" else family or _text_family(layers)


def _stated(metadata: Mapping[str, str]) -> str:
    for key in ("modelspec.architecture", "ss_base_model_version"):
        said = metadata.get(key, "").lower()
        for beginning, family in _ARCHITECTURES:
            if said.startswith(beginning):
                return family
    return "sd2" if metadata.get("ss_v2", "").lower() == "true" else ""


def _matching(table: tuple[tuple[str, str, frozenset[int]], ...], layers: Layers) -> Iterator[str]:
    """The families of the rows that are found, in the table's order."""
    for family, pattern, widths in table:
        for match in re.finditer(pattern, layers.text, re.MULTILINE):
            if not widths:
                yield family
                break
            start, end = layers.text.rfind("\n", 0, match.start()) + 1, layers.text.find("\n", match.end())
            if layers.widths[layers.text[start : end if end >= 0 else None]] in widths:
                yield family
                break


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
