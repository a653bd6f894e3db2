"""What is added to a checkpoint, LoRAs apart: ControlNets, IP-Adapters, motion modules, embeddings and the like.

The names are those of the projects that made each: ControlNet, T2I-Adapter, IP-Adapter, AnimateDiff, GLIGEN, Flux tools
and diffusers' classes (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping

from .header import TensorInfo
from .signatures import Found, Tensors, rows

FAMILY_BY_CONTEXT = {768: "stable_diffusion", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}
"""By the width of the text conditioning that cross-attention takes."""

_FLUX = "double_blocks.0.img_attn.norm.key_norm.scale"
_LAYERS = "controlnet_blocks.0.weight"
_CONTROLNETS = rows(
    # Control-LoRA: a marker of its own beside the low-rank halves; ControlNet-XS: an adapter, or grown into its U-Net.
    ("", "control-lora", "lora_controlnet"),
    ("", "xs", "control_to_base_for_conv_in.weight"),
    ("", "xs", "control_model.input_blocks.0.0.weight", "control_model.enc_zero_convs_out.0.weight"),
    ("", "union", "controlnet_cond_embedding.conv_in.weight", "control_add_embedding.linear_1.weight"),
    ("", "union", "task_embedding", "transformer_layes.0.attn.in_proj_weight"),
    ("", "sparse", "controlnet_cond_embedding.weight", "controlnet_mid_block.weight"),
    ("", "", "control_model.input_hint_block.0.weight"),
    ("", "", "control_model.time_embed.0.weight"),
    ("", "", "controlnet_cond_embedding.conv_in.weight"),
    ("", "", "input_hint_block.0.weight", "input_blocks.0.0.weight"),
    ("flux", "", "controlnet_blocks.0.weight", _FLUX),
    ("flux", "xlabs", "input_hint_block.0.weight", _FLUX),
    ("qwen-image", "", _LAYERS, "controlnet_x_embedder.weight", "txt_norm.weight"),
    ("qwen-image", "blockwise", "controlnet_blocks.0.y_rms.weight"),
    ("flux", "union", _LAYERS, "controlnet_mode_embedder.weight"),
    ("flux", "", _LAYERS, "controlnet_x_embedder.weight"),
    ("sana", "", _LAYERS, "caption_norm.weight", "input_block.weight"),
    ("sd3.5", "", _LAYERS, ("transformer_blocks.0.attn.to_q.weight", 0, 2432)),
    ("sd3", "", _LAYERS, "transformer_blocks.0.attn.to_q.weight"),
    ("hunyuan-dit", "", _LAYERS, "blocks.0.attn1.to_q.weight"),
    ("", "", _LAYERS),
    ("z-image", "", "control_all_x_embedder.2-1.weight"),
    ("z-image", "", "control_layers.0.adaLN_modulation.0.weight"),
    # A T2I-Adapter folds 8x8 pixels into one, and 16x16 for SDXL.
    ("stable_diffusion", "t2i-adapter", "body.0.block1.weight", ("conv_in.weight", 1, 192)),
    ("sdxl", "t2i-adapter", "body.0.block1.weight", ("conv_in.weight", 1, 768)),
    ("stable_diffusion", "t2i-adapter", "adapter.body.0.resnets.0.block1.weight", ("adapter.conv_in.weight", 1, 192)),
    ("sdxl", "t2i-adapter", "adapter.body.0.resnets.0.block1.weight", ("adapter.conv_in.weight", 1, 768)),
    ("", "t2i-adapter", "body.0.block1.weight"),
    ("", "t2i-adapter", "adapter.body.0.resnets.0.block1.weight"),
)  # fmt: skip

_KEY = "ip_adapter.1.to_k_ip.weight"
_IP_ADAPTERS = rows(
    ("", "faceid-plus", "image_proj.perceiver_resampler.latents"),
    ("", "faceid-plus", "image_proj.perceiver_resampler.proj_in.weight"),
    ("", "instantid", "image_proj.latents", ("image_proj.proj_in.weight", 1, 512)),
    ("", "plus", "image_proj.latents"),
    ("", "full-face", "image_proj.proj.3.weight"),
    ("", "faceid", "image_proj.proj.0.weight", "image_proj.norm.weight", "ip_adapter.0.to_q_lora.down.weight"),
    ("", "faceid", "ip_adapter.0.to_q_lora.down.weight"),
    ("", "faceid-portrait", "image_proj.proj.0.weight", "image_proj.norm.weight", "image_proj.proj.2.weight"),
    ("", "", "image_proj.proj.weight"),
    ("", "", _KEY),
    ("flux", "xlabs", "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight"),
    ("flux", "pulid", "pulid_ca.0.norm1.weight"),
    ("sdxl", "photomaker", "id_encoder.visual_projection_2.weight"),
)  # fmt: skip

_TEMPORAL = "motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q.weight"
_MOTION = "motion_modules.0.transformer_blocks.0.attn1.to_q.weight"
_SMALL = {
    # SDXL has three levels.
    "motion-module": rows(
        ("stable_diffusion", "", f"down_blocks.3.{_TEMPORAL}"),
        ("sdxl", "", f"down_blocks.0.{_TEMPORAL}"),
        ("stable_diffusion", "", f"down_blocks.3.{_MOTION}", "!conv_in.weight"),
        ("sdxl", "", f"down_blocks.0.{_MOTION}", "!conv_in.weight"),
        ("sdxl", "hotshot", "down_blocks.0.temporal_attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    ),
    "style-model": rows(
        ("flux", "redux", "redux_up.weight", "redux_down.weight"),
        ("stable_diffusion", "t2i-style", "style_embedding", "transformer_layes.0.attn.in_proj_weight"),
    ),
    "gligen": rows(
        ("stable_diffusion", "", "position_net.linears.0.weight"),
        ("stable_diffusion", "", "down_blocks.0.attentions.0.transformer_blocks.0.fuser.alpha_attn", "!conv_in.weight"),
    ),
}

_HYPERNETWORK_WIDTHS = ("320", "640", "768", "1024", "1280")
_MAX_VECTORS = 256


def find_adapter(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """What is added to a checkpoint and is neither a LoRA nor an embedding, else None."""
    view = Tensors(tensors)
    if row := view.first(_CONTROLNETS):
        return Found("controlnet", row.family or _family_of(view), row.variant)
    if row := view.first(_IP_ADAPTERS):
        return Found("ip-adapter", row.family or _ip_family(view), row.variant)
    for kind, table in _SMALL.items():
        if row := view.first(table):
            return Found(kind, row.family, row.variant)
    return _find_hypernetwork(tensors)


def _family_of(view: Tensors) -> str:
    """Which U-Net a ControlNet goes with: by its size embedding, then by the conditioning that it attends to."""
    names = [name.removeprefix("control_model.") for name in view.tensors]
    if any(name.startswith(("label_emb.0.", "add_embedding.linear_1.", "base_add_embedding.")) for name in names):
        return "sdxl"
    for name, info in view.tensors.items():
        # A low-rank half ends in .down, and its width is the same.
        if name.endswith(("attn2.to_k.weight", "attn2.to_k.down")) and len(info.shape) == 2:
            return FAMILY_BY_CONTEXT.get(info.shape[1], _by_projection(view))
    return _by_projection(view)


def _by_projection(view: Tensors) -> str:
    for prefix in ("control_model.", ""):
        for first in ("input_blocks.1.1.", "down_blocks.0.attentions.0."):
            if projection := view.shape(f"{prefix}{first}proj_in.weight"):
                return "stable_diffusion" if len(projection) == 4 else "sd2"
    return ""


def _ip_family(view: Tensors) -> str:
    made, context = (*view.shape(_KEY), 0, 0)[:2]
    if context == 4096 or made in (2432, 3072):
        return "sd3.5" if made == 2432 else "flux"
    return FAMILY_BY_CONTEXT.get(context, "")


def _find_hypernetwork(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """A1111's: pairs of small networks, under the width of the conditioning or of the latents that each changes."""
    widths = {name.partition(".")[0] for name in tensors}
    if not tensors or not widths <= set(_HYPERNETWORK_WIDTHS) or len(widths) == len(tensors):
        return None
    family = next((FAMILY_BY_CONTEXT[int(w)] for w in ("1024", "768") if w in widths), "")
    return Found("hypernetwork", family)


def find_embedding(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """A textual-inversion embedding: vectors for a few words, for each text encoder, and nothing else; else None."""
    if not tensors or len(tensors) > _MAX_VECTORS:
        return None
    if any(len(info.shape) not in (1, 2) or info.elements == 0 for info in tensors.values()):
        return None
    if {"clip_g", "text_encoders_1"} & set(tensors):
        return Found("embedding", "sd3" if "t5xxl" in tensors else "sdxl")
    widths = {info.shape[-1] for info in tensors.values()}
    few = all(len(info.shape) == 1 or info.shape[0] <= _MAX_VECTORS for info in tensors.values())
    name = next(iter(tensors))
    named = name in {"emb_params", "clip_l", "text_encoders_0"} or name.startswith("string_to_param.")
    if not few or len(widths) != 1 or any(name.endswith((".weight", ".bias")) for name in tensors):
        return Found("embedding") if named and len(tensors) == 1 else None
    family = FAMILY_BY_CONTEXT.get(widths.pop(), "")
    if not (named or family):
        return None
    return Found("embedding", "sdxl" if family == "sdxl_refiner" else family)
