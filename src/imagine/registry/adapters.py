"""What is added to a checkpoint: LoRAs, ControlNets, IP-Adapters and embeddings, and for which family each was made."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagine.registry.header import TensorInfo

Found = tuple[str, str, str]
"""Kind, family ("" where the tensors don't tell) and variant."""

_FAMILY_BY_CONTEXT = {768: "stable_diffusion", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}
"""By the width of the text conditioning that cross-attention takes."""

# How each training tool ends a tensor's name; diffusers' own oldest form has `.lora.down` and `_lora.down`.
_LORA_NAME = re.compile(
    r"(?:\.(?P<loha>hada_w[12]_[ab])|\.(?P<lokr>lokr_w[12](?:_[ab])?)|\.(?P<oft>oft_(?:blocks|diag|R(?:\.\w+)?))"
    r"|[._](?P<lora>lora_(?:up|down|mid|A|B)(?:\.\w+)*|lora\.(?:up|down)\.weight|lora_linear_layer\.(?:up|down)\.weight)"
    r"|\.(?P<glora>[ab][12]\.weight)|\.(?P<full>diff(?:_b)?))$"
)
_CONTEXT_NAME = re.compile(
    r"attn2[._](?:processor[._])?to_k(?:_lora)?[._](?:lora_down|lora_A|lora\.down|down|hada_w1_b)(?:\.\w+)*$"
)

# Tried in order on all names joined, with `_` for `.`, so that kohya's and peft's spellings are one.
_LORA_TRANSFORMERS = (
    ("chroma", ("distilled_guidance_layer",)),
    ("hunyuan-video", ("individual_token_refiner",)),
    ("flux2", ("single_stream_modulation", "attn_to_qkv_mlp_proj")),
    ("hidream", ("double_stream_blocks_",)),
    ("flux", ("double_blocks_", "single_blocks_", "single_transformer_blocks_")),
    ("sd3.5", ("joint_blocks_37_", "x_block_attn2_")),
    ("sd3", ("joint_blocks_",)),
    ("qwen-image", ("_img_mlp_", "_img_mod_", "transformer_blocks_59_attn_")),
    ("sd3", ("transformer_blocks_0_attn_add_k_proj",)),
    ("cosmos-2.0", ("_cross_attn_k_proj",)),
    ("wan", ("blocks_0_cross_attn_k",)),
    ("z-image", ("layers_0_attention_",)),
    ("ltx", ("transformer_blocks_27_attn1_",)),
)
_LORA_ARCHITECTURES = (
    ("stable-diffusion-v1", "stable_diffusion"), ("sd_v1", "stable_diffusion"),
    ("stable-diffusion-v2", "sd2"), ("sd_v2", "sd2"),
    ("stable-diffusion-xl", "sdxl"), ("sdxl", "sdxl"),
    ("stable-diffusion-3.5", "sd3.5"), ("stable-diffusion-3", "sd3"), ("sd3", "sd3"),
    ("flux.2", "flux2"), ("flux-2", "flux2"), ("flux2", "flux2"), ("flux", "flux"),
    ("hunyuan-video", "hunyuan-video"), ("qwen-image", "qwen-image"), ("wan", "wan"), ("z-image", "z-image"),
    ("chroma", "chroma"), ("lumina", "lumina2"),
)  # fmt: skip
"""Beginnings of what trainers write as `modelspec.architecture` or `ss_base_model_version`."""


def find_lora(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> Found | None:
    """A LoRA, LyCORIS or OFT file of kohya's, diffusers' or peft's spelling, else None."""
    match = next((m for name in tensors if (m := _LORA_NAME.search(name))), None)
    if match is None:
        return None
    return "lora", _lora_family(tensors, metadata), match.lastgroup or "lora"


def _lora_family(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> str:
    """The width of the conditioning decides, then what the trainer wrote, then the shape of the network."""
    names = "\n".join(tensors).replace(".", "_")
    unet = any(mark in names for mark in ("down_blocks_", "input_blocks_", "mid_block_", "middle_block_"))
    if unet:
        for name, info in tensors.items():
            if _CONTEXT_NAME.search(name) and len(info.shape) > 1 and info.shape[1] in _FAMILY_BY_CONTEXT:
                return _FAMILY_BY_CONTEXT[info.shape[1]]
    for key in ("modelspec.architecture", "ss_base_model_version"):
        said = metadata.get(key, "").lower()
        for beginning, family in _LORA_ARCHITECTURES:
            if said.startswith(beginning):
                return family
    if unet:
        return _unet_lora_family(names)
    for family, marks in _LORA_TRANSFORMERS:
        if any(mark in names for mark in marks):
            return family
    return _text_lora_family(names)


def _unet_lora_family(names: str) -> str:
    """By structure: SDXL stacks transformer blocks, and attends to nothing at its first level."""
    if "attentions_0_transformer_blocks_1_" in names or re.search(r"put_blocks_\d+_1_transformer_blocks_1_", names):
        return "sdxl"
    if "down_blocks_0_attentions_" in names or "input_blocks_1_1_" in names or "input_blocks_2_1_" in names:
        return "stable_diffusion"
    return _text_lora_family(names)


def _text_lora_family(names: str) -> str:
    if "lora_te2_" in names or "text_encoder_2_" in names:
        return "sdxl"
    if "lora_te_" in names or names.startswith("text_encoder_"):
        return "stable_diffusion"
    return ""


def find_controlnet(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """A ControlNet of the original or of diffusers' layout, a control-LoRA or a T2I-Adapter, else None."""
    if "lora_controlnet" in tensors:
        return "controlnet", _control_family(tensors, ""), "control-lora"
    if any(
        name in tensors for name in ("control_model.input_hint_block.0.weight", "control_model.time_embed.0.weight")
    ):
        return "controlnet", _control_family(tensors, "control_model."), ""
    if "controlnet_cond_embedding.conv_in.weight" in tensors or "input_hint_block.0.weight" in tensors:
        return "controlnet", _control_family(tensors, ""), ""
    if "controlnet_blocks.0.weight" in tensors:
        return "controlnet", _control_family(tensors, ""), ""
    if "control_all_x_embedder.2-1.weight" in tensors or "control_layers.0.adaLN_modulation.0.weight" in tensors:
        return "controlnet", "z-image", ""
    if any(n in tensors for n in ("body.0.block1.weight", "adapter.body.0.resnets.0.block1.weight")):
        return "controlnet", "", "t2i-adapter"
    return None


def _control_family(tensors: Mapping[str, TensorInfo], prefix: str) -> str:
    if "double_blocks.0.img_attn.norm.key_norm.scale" in tensors:
        return "flux"
    if "controlnet_x_embedder.weight" in tensors:
        return "qwen-image" if "txt_norm.weight" in tensors else "flux"
    if any(name.startswith("transformer_blocks.0.attn.") for name in tensors):
        return "sd3"
    if prefix + "label_emb.0.0.weight" in tensors or "add_embedding.linear_1.weight" in tensors:
        return "sdxl"
    for first in ("input_blocks.1.1.", "down_blocks.0.attentions.0."):
        if projection := tensors.get(f"{prefix}{first}proj_in.weight"):
            return "stable_diffusion" if len(projection.shape) == 4 else "sd2"
    return ""


def find_ip_adapter(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """An IP-Adapter: an image projection and the extra keys of the cross-attentions, else None."""
    if not any(name.startswith("ip_adapter.") for name in tensors):
        if "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight" in tensors:
            return "ip-adapter", "flux", ""
        return None
    key = tensors.get("ip_adapter.1.to_k_ip.weight")
    family = _FAMILY_BY_CONTEXT.get(key.shape[-1], "") if key and key.shape else ""
    if "image_proj.latents" in tensors:
        variant = "plus"
    elif any("lora" in name for name in tensors):
        variant = "faceid"
    else:
        variant = ""
    return "ip-adapter", family, variant


def find_embedding(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """A textual-inversion embedding: a few vectors per text encoder and nothing else, else None."""
    if not tensors or len(tensors) > 4 or any(len(i.shape) not in (1, 2) or i.elements == 0 for i in tensors.values()):
        return None
    if "clip_g" in tensors and set(tensors) <= {"clip_g", "clip_l", "t5xxl"}:
        return "embedding", "sd3" if "t5xxl" in tensors else "sdxl", ""
    name, info = next(iter(tensors.items()))
    vectors = info.shape[0] if len(info.shape) == 2 else 1
    family = _FAMILY_BY_CONTEXT.get(info.shape[-1], "")
    named = name in {"emb_params", "clip_l"} or name.startswith("string_to_param.")
    if len(tensors) == 1 and (named or (family and vectors <= 256)):
        return "embedding", family if family != "sdxl_refiner" else "sdxl", ""
    return None
