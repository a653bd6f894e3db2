"""Which family's denoiser a file holds: told by the names of its tensors and the shape of the network.

The key names are facts about the published checkpoints: of the originals' most are listed in diffusers'
`loaders/single_file_utils.py`, of its own they are those of its classes (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .header import TensorInfo
from .signatures import Tensors, rows

LDM_PREFIX = "model.diffusion_model."
PREFIXES = (LDM_PREFIX, "", "diffusion_model.", "transformer.", "unet.", "net.", "model.diffusion_model.net.")
EMA_PREFIX = "model_ema."


class Denoiser(msgspec.Struct, frozen=True):
    """What denoises. `family` is "" for a network that isn't known; `in_channels` are those of one latent pixel as the
    network takes it; `prefix` is what its tensors' names share.
    """

    family: str
    variant: str
    in_channels: int
    latent_channels: int
    prefix: str


_SD3 = "joint_blocks.0.context_block.adaLN_modulation.1.bias"
_FLUX = "double_blocks.0.img_attn.norm.key_norm.scale"
_REFINER = "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias"
_FLUX2 = "single_stream_modulation.lin.weight"
_ORIGINAL = rows(
    ("sd3.5", "large", _SD3, "joint_blocks.37.x_block.mlp.fc1.weight"),
    ("sd3.5", "medium", _SD3, "joint_blocks.0.x_block.attn2.qkv.weight"),
    ("sd3.5", "", _SD3, "joint_blocks.0.x_block.attn.ln_q.weight"),  # only 3.5 normalises its queries
    ("sd3", "", _SD3),
    ("flux3", "distilled", "early_stream_modulations.image.lin.weight", "ref_time_in.in_layer.weight"),
    ("flux3", "", "early_stream_modulations.image.lin.weight"),
    ("flux2", "klein-4b", _FLUX2, ("txt_in.weight", 1, 7680)),
    ("flux2", "klein-9b", _FLUX2, ("txt_in.weight", 1, 12288)),
    ("flux2", "dev", _FLUX2, "guidance_in.in_layer.weight"),
    ("flux2", "", _FLUX2),
    ("chroma", "radiance", "distilled_guidance_layer.in_proj.bias", "nerf_final_layer.norm.scale"),
    ("chroma", "radiance", "distilled_guidance_layer.in_proj.bias", "nerf_final_layer_conv.norm.scale"),
    ("chroma", "", "distilled_guidance_layer.in_proj.bias"),
    ("hunyuan-image", "", _REFINER, ("img_in.proj.weight", 1, 64)),
    ("hunyuan-video", "", _REFINER),
    ("longcat-image", "", _FLUX, ("txt_in.weight", 1, 3584)),
    ("flux", "fill", _FLUX, ("img_in.weight", 1, 384)),
    ("flux", "control", _FLUX, ("img_in.weight", 1, 128)),
    ("flux", "flex2", _FLUX, ("img_in.weight", 1, 196)),
    ("flux", "dev", _FLUX, "guidance_in.in_layer.bias"),
    ("flux", "schnell", _FLUX),
    ("ltx2", "", "av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1.weight"),
    ("ltx", "", "patchify_proj.weight", "transformer_blocks.27.scale_shift_table"),
    ("mochi", "", "blocks.0.attn.qkv_x.weight"),
    ("auraflow", "", "double_layers.0.attn.w2q.weight", "cond_seq_linear.weight"),
    ("z-image", "", "layers.0.adaLN_modulation.0.weight"),
    ("lumina2", "", "cap_embedder.0.weight"),
    ("hunyuan-dit", "", "mlp_t5.0.weight", "blocks.0.attn1.Wqkv.weight"),
    ("pixart", "", "blocks.0.cross_attn.q_linear.weight", "blocks.0.mlp.fc1.weight"),
    ("sana", "", "blocks.0.cross_attn.q_linear.weight"),
    ("wan", "vace", "head.modulation", "vace_blocks.0.after_proj.bias"),
    ("wan", "", "head.modulation"),
    ("qwen-image", "2.1", "txt_in.text_norm.weight"),
    ("qwen-image", "edit-2511", "transformer_blocks.0.img_mod.1.weight", "__index_timestep_zero__"),
    ("qwen-image", "layered", "transformer_blocks.0.img_mod.1.weight", "time_text_embed.addition_t_embedding.weight"),
    ("nucleus", "", "txt_norm.weight", "transformer_blocks.0.encoder_proj.weight"),
    ("qwen-image", "", "txt_norm.weight", "transformer_blocks.0.img_mod.1.weight"),
    ("krea2", "", "txtfusion.projector.weight"),
    ("hidream", "", "double_stream_blocks.0.block.adaLN_modulation.1.bias"),
    ("cosmos-1.0", "", "x_embedder.proj.1.weight", "blocks.block1.blocks.0.block.attn.to_q.0.weight"),
    ("anima", "", "llm_adapter.blocks.0.cross_attn.q_proj.weight"),
    ("cosmos-2.0", "", "x_embedder.proj.1.weight", "blocks.0.self_attn.q_proj.weight"),
    ("minimax-h3", "", "token_refiner.blocks.0.attn.qkv_proj.weight"),
    ("kandinsky5", "", "visual_transformer_blocks.0.cross_attention.key_norm.weight"),
    ("stable_cascade", "stage-c", "clip_txt_mapper.weight"),
    ("stable_cascade", "stage-b", "down_blocks.1.0.channelwise.0.weight"),
)  # fmt: skip
_JOINT = "transformer_blocks.0.attn.add_k_proj.weight"
_SINGLE = "single_transformer_blocks.0.attn.norm_k.weight"
_TOKENS = "context_embedder.token_refiner.refiner_blocks.0.attn.to_q.weight"
_TIME = "time_embed.timestep_embedder.linear_1.weight"
_COSMOS = "time_embed.t_embedder.linear_1.weight"
_SPACED = "scale_shift_table"
_DIFFUSERS = rows(
    ("flux3", "", "early_stream_modulations.image.linear.weight"),
    ("flux2", "klein-4b", "single_stream_modulation.linear.weight", ("context_embedder.weight", 1, 7680)),
    ("flux2", "klein-9b", "single_stream_modulation.linear.weight", ("context_embedder.weight", 1, 12288)),
    ("flux2", "dev", "single_stream_modulation.linear.weight", ("context_embedder.weight", 1, 15360)),
    ("flux2", "", "single_stream_modulation.linear.weight"),
    ("chroma", "", "distilled_guidance_layer.in_proj.weight"),
    ("hunyuan-image", "", _TOKENS, ("x_embedder.proj.weight", 4)),
    ("hunyuan-video", "", _TOKENS),
    ("bria", "fibo", _SINGLE, "caption_projection.0.linear.weight"),
    ("bria", "", _SINGLE, _TIME, ("context_embedder.weight", 1, 4096)),
    ("longcat-image", "", _SINGLE, _TIME, ("context_embedder.weight", 1, 3584)),
    ("ovis-image", "", _SINGLE, "context_embedder_norm.weight"),
    ("auraflow", "", "register_tokens", "joint_transformer_blocks.0.attn.add_k_proj.weight"),
    ("flux", "fill", _SINGLE, _JOINT, ("x_embedder.weight", 1, 384)),
    ("flux", "control", _SINGLE, _JOINT, ("x_embedder.weight", 1, 128)),
    ("flux", "dev", _SINGLE, _JOINT, "time_text_embed.guidance_embedder.linear_1.weight"),
    ("flux", "schnell", _SINGLE, "transformer_blocks.0.attn.norm_added_k.weight"),
    ("sd3.5", "large", _JOINT, "pos_embed.proj.weight", "transformer_blocks.37.attn.to_q.weight"),
    ("sd3.5", "medium", _JOINT, "pos_embed.proj.weight", "transformer_blocks.0.attn2.to_q.weight"),
    ("sd3.5", "", _JOINT, "pos_embed.proj.weight", "transformer_blocks.0.attn.norm_q.weight"),
    ("sd3", "", _JOINT, "pos_embed.proj.weight"),
    ("z-image", "", "all_x_embedder.2-1.weight", "layers.0.attention.to_q.weight"),
    ("omnigen2", "", "time_caption_embed.caption_embedder.0.weight", "image_index_embedding"),
    ("lumina2", "", "time_caption_embed.caption_embedder.0.weight", "layers.0.attn.to_q.weight"),
    ("ernie-image", "", "layers.0.adaLN_sa_ln.weight"),
    ("ideogram4", "", "embed_image_indicator.weight"),
    ("krea2", "", "text_fusion.projector.weight"),
    ("wan", "vace", "condition_embedder.time_proj.weight", "vace_blocks.0.proj_out.weight"),
    ("wan", "", "condition_embedder.time_proj.weight", "blocks.0.attn1.to_q.weight"),
    ("sana", "sprint", "caption_norm.weight", "time_embed.guidance_embedder.linear_1.weight"),
    ("sana", "", "caption_norm.weight", "transformer_blocks.0.ff.conv_inverted.weight"),
    ("pixart", "", "adaln_single.linear.weight", "pos_embed.proj.weight", _SPACED),
    ("ltx2", "", "audio_proj_out.weight", _SPACED),
    ("ltx", "", "time_embed.linear.weight", "caption_projection.linear_1.weight", _SPACED, ("proj_in.weight", 1, 128)),
    ("mochi", "", "time_embed.pooler.to_kv.weight"),
    ("cogview3", "", "patch_embed.text_proj.weight", ("patch_embed.proj.weight", 0, 2560)),
    ("cogview4", "", "patch_embed.text_proj.weight", "time_condition_embed.condition_embedder.linear_1.weight"),
    ("glm-image", "", "glyph_projector.net.0.proj.weight", "prior_token_embedding.weight"),
    ("cosmos-2.0", "", _COSMOS, "transformer_blocks.0.attn2.to_q.weight", "!learnable_pos_embed.pos_emb_t"),
    ("cosmos-1.0", "", _COSMOS),
    ("prx", "", "blocks.0.attention.img_qkv_proj.weight", "blocks.0.attention.txt_kv_proj.weight"),
)  # fmt: skip

_LATENT_CHANNELS = {"sd3": 16, "sd3.5": 16, "flux": 16, "chroma": 16, "flux2": 32}
_SDXL_VARIANTS = {10: "", 4: "ssd-1b", 2: "vega", 5: "koala-700m", 6: "koala-1b"}
"""By the number of transformer blocks in the deepest attention of the way down."""


def find_denoiser(tensors: Mapping[str, TensorInfo]) -> Denoiser | None:
    """The denoiser among `tensors`: the live weights where there are some, else their EMA copy, else None."""
    views = [Tensors(tensors, prefix) for prefix in PREFIXES]
    views.append(Tensors(tensors, EMA_PREFIX + "diffusion_model", flat=True))
    for view in views:
        if found := _unet(view) or _diffusers_unet(view) or _transformer(view):
            return found
    return None


def _unet(view: Tensors) -> Denoiser | None:
    """A U-Net under the names of the original latent-diffusion code."""
    first, last = view.shape("input_blocks.0.0.weight"), view.shape("out.2.weight")
    if len(first) != 4 or len(last) != 4:
        return None
    family, variant = _unet_family(view)
    variant = variant or _channels_variant(first[1], last[0])
    if not variant and view.has("time_embed.cond_proj.weight"):
        variant = "lcm"
    return Denoiser(family, variant, first[1], last[0], view.prefix)


def _unet_family(view: Tensors) -> tuple[str, str]:
    """Three levels without attention in the first make SDXL, four its refiner; the rest is SD1 or SD2."""
    if view.has("label_emb.weight"):  # the level of noise in the small picture
        return "sd_x4_upscaler", ""
    if view.has("input_blocks.1.1.time_stack.0.norm_in.weight") or view.has(
        "input_blocks.4.1.time_stack.0.norm_in.weight"
    ):
        return "svd", ""
    projection = view.shape("input_blocks.1.1.proj_in.weight")
    label = view.shape("label_emb.0.0.weight")
    if projection:
        # SD2 projects with a linear layer where SD1 has a 1x1 convolution, at any width.
        return ("stable_diffusion", "") if len(projection) == 4 else ("sd2", "unclip" if label else "")
    if not label:
        return "", ""
    if view.has("input_blocks.9.0.op.weight"):
        return "sdxl_refiner", ""
    if label[1:] == (5632,):
        return "kolors", ""
    if view.has("input_blocks.4.0.op.weight"):  # one layer a level, where SDXL has two
        return "sdxl", _SDXL_VARIANTS.get(view.count("input_blocks.5.1.transformer_blocks.{}.norm1.weight"), "reduced")
    depth = view.count("input_blocks.7.1.transformer_blocks.{}.norm1.weight")
    return "sdxl", _SDXL_VARIANTS.get(depth, "reduced")


def _channels_variant(taken: int, made: int) -> str:
    """What a U-Net is for that takes more channels than it makes: a picture with its mask, a picture, a depth map."""
    purposes = {made: "", 2 * made + 1: "inpainting", 2 * made: "instruct-pix2pix", made + 1: "depth"}
    return purposes.get(taken, f"{taken}-channel")


def _diffusers_unet(view: Tensors) -> Denoiser | None:
    """A U-Net under diffusers' names, as in a folder's `unet/diffusion_pytorch_model.safetensors`."""
    first, last = view.shape("conv_in.weight"), view.shape("conv_out.weight")
    if len(first) != 4 or len(last) != 4 or not view.has("up_blocks.0.resnets.0.conv1.weight"):
        return None
    family, variant = _diffusers_unet_family(view)
    variant = variant or _channels_variant(first[1], last[0])
    return Denoiser(family, variant, first[1], last[0], view.prefix)


def _diffusers_unet_family(view: Tensors) -> tuple[str, str]:
    projection = view.shape("down_blocks.0.attentions.0.proj_in.weight")
    if view.has("encoder_hid_proj.weight", "add_embedding.linear_1.weight"):
        return "kolors", ""
    if view.has("add_embedding.linear_1.weight"):
        if view.has("down_blocks.3.resnets.0.conv1.weight"):
            return "sdxl_refiner", ""
        depth = view.count("down_blocks.2.attentions.0.transformer_blocks.{}.norm1.weight")
        return "sdxl", _SDXL_VARIANTS.get(depth, "reduced") if depth else ""
    if projection:
        return ("stable_diffusion" if len(projection) == 4 else "sd2"), ""
    return "", ""


def _transformer(view: Tensors) -> Denoiser | None:
    row = view.first(_ORIGINAL) or view.first(_DIFFUSERS)
    if row is None:
        return None
    taken = _patch_channels(view)
    return Denoiser(row.family, row.variant, taken, _LATENT_CHANNELS.get(row.family, taken), view.prefix)


def _patch_channels(view: Tensors) -> int:
    """Channels of one latent pixel, from the layer that embeds patches (of 2x2 where it is linear); 0: not told."""
    for name in ("x_embedder.proj.weight", "patch_embedding.weight", "pos_embed.proj.weight", "img_in.proj.weight"):
        if len(shape := view.shape(name)) >= 4:
            return shape[1]
    for name in ("img_in.weight", "init_x_linear.weight", "x_embedder.weight"):
        if len(shape := view.shape(name)) == 2:
            return shape[1] // 4
    return 0
