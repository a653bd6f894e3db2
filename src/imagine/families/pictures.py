"""Transformers that make pictures, Flux's and Stable Diffusion's apart."""

from __future__ import annotations

from ..messages import message
from .facts import FLOW, Bounds, FamilyDefaults, FamilyFacts, Need, PipelineClass, Shift, classes, loras, signatures
from .published import (
    APACHE,
    FLUX_VAE,
    GEMMA2_2B,
    LUMINA2,
    NSCL,
    OPENRAIL_PP,
    PIXART,
    QWEN25_VL_7B,
    QWEN_IMAGE,
    QWEN_IMAGE_21,
    QWEN_IMAGE_VAE,
    SANA,
    SANA_VAE,
    SDXL_VAE,
    T5_XXL,
)

_EDITS = {"edit": 1, "edit-2509": 16, "edit-2511": 16}
"""Variants of Qwen-Image that see pictures, and how many at once at most."""
_CONTROLS = "controlnet_blocks.0.weight"
_MODULATED = "transformer_blocks.0.img_mod.1.weight"
_CROSS = "blocks.0.cross_attn.q_linear.weight"
_CAPTION = "time_caption_embed.caption_embedder.0.weight"
_PIXART = (_CROSS, "blocks.0.mlp.fc1.weight")
_PIXART_OF_DIFFUSERS = ("adaln_single.linear.weight", "pos_embed.proj.weight", "scale_shift_table")
_SIZES = {32: "256", 64: "512", 256: "2k"}
"""Variants of PixArt-Sigma, by their side in latents."""
_DEEP_SIZES = {16: "512", 64: "2k", 128: "4k"}
"""Variants of SANA, by their side in latents."""
_PATCHED = "patch_embed.text_proj.weight"

ROWS = (
    FamilyFacts(
        "hidream",
        tells=signatures(("", "double_stream_blocks.0.block.adaLN_modulation.1.bias")),
        loras=loras(r"double_stream_blocks_|single_stream_blocks_"),
        pipelines=classes("HiDreamImage"),
        gguf="hidream",
        predicts=FLOW,
        defaults=FamilyDefaults(50, 5.0),
    ),
    FamilyFacts(
        "krea2",
        tells=signatures(("", "txtfusion.projector.weight"), ("", "text_fusion.projector.weight")),
        loras=loras(r"text_?fusion|txtfusion|^transformer_blocks_\d+_attn_to_gate|^blocks_\d+_attn_(?:w[qkvo]|gate)$"),
        pipelines=classes("Krea2"),
        architectures=("krea",),
        predicts=FLOW,
        defaults=FamilyDefaults(28, 4.5),
        distilled={"turbo": FamilyDefaults(8, 0.0)},
        bounds={"turbo": Bounds((1, 16), (0.0, 1.0))},
        folder="krea/Krea-2-Turbo",
    ),
    FamilyFacts(
        "nucleus",
        tells=signatures(("", "txt_norm.weight", "transformer_blocks.0.encoder_proj.weight")),
    ),
    FamilyFacts(
        "qwen-image",
        tells=signatures(
            ("2.1", "txt_in.text_norm.weight"),
            ("edit-2511", _MODULATED, "__index_timestep_zero__"),
            ("layered", _MODULATED, "time_text_embed.addition_t_embedding.weight"),
            ("", "txt_norm.weight", _MODULATED),
        ),
        loras=loras(
            r"_(?:img|txt)_(?:mlp|mod)_|^transformer_blocks_(?:19|[2-5]\d)_attn_",
            (r"^transformer_blocks_\d+_attn_(?:add_[qkv]_proj|to_add_out|to_[qkv])", 3072),
        ),
        vaes=signatures(("2.1", "decoder.mid_block.resnets.0.norm1.gamma", ("decoder.conv_in.weight", 4))),
        adapters={
            "controlnet": signatures(
                ("", _CONTROLS, "controlnet_x_embedder.weight", "txt_norm.weight"),
                ("blockwise", "controlnet_blocks.0.y_rms.weight"),
            )
        },
        named=(
            ("", r"(?<![a-z])edit(?![a-z]).*2511", "edit-2511"),
            ("", r"(?<![a-z])edit(?![a-z]).*(?:2509|plus)", "edit-2509"),
            ("", r"(?<![a-z])edit(?![a-z])", "edit"),
        ),
        pipelines=(
            PipelineClass("QwenImageEditPlus", "zero_cond_t", True, "edit-2511"),
            PipelineClass("QwenImageEditPlus", variant="edit-2509"),
            PipelineClass("QwenImage"),
        ),
        stepped=(
            "QwenImagePipeline",
            "QwenImageImg2ImgPipeline",
            "QwenImageInpaintPipeline",
            "QwenImageEditPipeline",
            "QwenImageEditPlusPipeline",
        ),
        stepped_where={"guidance_embeds": False, "use_additional_t_cond": False, "use_layer3d_rope": False},
        sees=_EDITS,
        architectures=("qwen-image", "qwen_image"),
        gguf="qwen_image",
        latent_channels=16,
        channels=(16,),
        patch=2,
        native=1328,
        natives=dict.fromkeys(_EDITS, 1024),
        multiple=16,
        predicts=FLOW,
        # As its scheduler's configuration says, and what Lightning was distilled with.
        shift={"": Shift(least=0.5, most=0.9, tokens=8192, terminal=0.02), "lightning": Shift(3.0)},
        defaults=FamilyDefaults(50, 4.0, "euler"),
        distilled={"lightning": FamilyDefaults(8, 1.0, "euler")},
        bounds={"": Bounds(guidance=(1.0, 8.0)), "lightning": Bounds((1, 16), (0.0, 2.0))},
        lengths={"": 1024},
        blocks=("transformer_blocks",),
        needs=(
            Need("text_encoder", ("qwen2.5-vl-7b",), QWEN25_VL_7B),
            Need("vae", ("wan",), QWEN_IMAGE_VAE),
        ),
        published=QWEN_IMAGE,
        licence={"": APACHE, "2.1": QWEN_IMAGE_21},
        single_file=True,
        refused={
            "2.1": message("unfit.qwen_image", name="Qwen-Image 2.1"),
            "layered": message("unfit.qwen_image", name="Qwen-Image-Layered"),
        },
    ),
    FamilyFacts(
        "ernie-image",
        tells=signatures(("", "layers.0.adaLN_sa_ln.weight")),
        loras=loras(r"^layers_\d+_self_attention_"),
        pipelines=classes("ErnieImage"),
        predicts=FLOW,
        defaults=FamilyDefaults(50, 4.0),
    ),
    FamilyFacts(
        "ideogram4",
        tells=signatures(("", "embed_image_indicator.weight")),
        loras=loras((r"^layers_\d+_attention_(?:to_[qkv]|qkv)", 4608)),
        pipelines=classes("Ideogram4"),
    ),
    FamilyFacts("omnigen2", tells=signatures(("", _CAPTION, "image_index_embedding"))),
    FamilyFacts(
        "lumina2",
        tells=signatures(
            ("", "cap_embedder.0.weight", "!layers.0.adaLN_modulation.0.weight"),  # or Z-Image, made after it
            ("", _CAPTION, "layers.0.attn.to_q.weight"),
        ),
        loras=loras((r"^layers_\d+_attention_(?:to_[qkv]|qkv)", 2304), r"^layers_\d+_attn_"),
        pipelines=classes("Lumina2"),
        stepped=("Lumina2Pipeline", "Lumina2Text2ImgPipeline"),
        architectures=("lumina",),
        gguf="lumina2",
        latent_channels=16,
        channels=(16,),
        multiple=16,
        predicts=FLOW,
        shift={"": Shift(6.0)},
        defaults=FamilyDefaults(30, 4.0, "euler"),
        bounds={"": Bounds(guidance=(1.0, 8.0))},
        lengths={"": 256},
        blocks=("noise_refiner", "context_refiner", "layers"),
        needs=(Need("text_encoder", ("gemma2-2b",), GEMMA2_2B), Need("vae", ("flux", "sd3"), FLUX_VAE)),
        published=LUMINA2,
        licence={"": APACHE},
        single_file=True,
    ),
    FamilyFacts(
        "hunyuan-dit",
        tells=signatures(("", "mlp_t5.0.weight", "blocks.0.attn1.Wqkv.weight")),
        adapters={"controlnet": signatures(("", _CONTROLS, "blocks.0.attn1.to_q.weight"))},
    ),
    FamilyFacts(
        "sana",
        tells=signatures(
            ("sprint", _CROSS, "cfg_embedder.mlp.0.weight"),
            ("", _CROSS, "!blocks.0.mlp.fc1.weight"),  # PixArt's feeds forward without convolutions
            ("sprint", "caption_norm.weight", "time_embed.guidance_embedder.linear_1.weight"),
            ("", "caption_norm.weight", "transformer_blocks.0.ff.conv_inverted.weight"),
        ),
        named=(
            *(("", rf"(?<![a-z\d]){side}(?:px)?(?![a-z\d])", side) for side in ("2k", "4k")),
            *(("", rf"(?<!\d){pixels}(?!\d)", side) for pixels, side in ((512, "512"), (2048, "2k"), (4096, "4k"))),
        ),
        loras=loras(r"ff_conv_(?:inverted|point)", (r"^transformer_blocks_\d+_attn[12]_to_[qkv]", 2240)),
        vaes=signatures(
            ("", "decoder.stages.1.op_list.0.main.conv.conv.bias"),
            ("", "decoder.up_blocks.0.0.conv.weight", "decoder.up_blocks.0.1.conv1.weight"),
        ),
        adapters={"controlnet": signatures(("", _CONTROLS, "caption_norm.weight", "input_block.weight"))},
        pipelines=(
            *(PipelineClass("SanaPipeline", "sample_size", size, side) for size, side in _DEEP_SIZES.items()),
            PipelineClass("Sana"),
        ),
        stepped=("SanaPipeline",),
        stepped_where={"guidance_embeds": False, "timestep_scale": 1.0},
        latent_channels=32,
        channels=(32,),
        natives={"512": 512, "2k": 2048, "4k": 4096},
        multiple=32,
        predicts=FLOW,
        shift={"": Shift(3.0)},
        defaults=FamilyDefaults(20, 4.5, "dpm++ 2m"),
        distilled={"sprint": FamilyDefaults(2, 4.5)},
        bounds={"": Bounds(guidance=(1.0, 8.0)), "sprint": Bounds((1, 8))},
        lengths={"": 300},
        blocks=("transformer_blocks",),
        needs=(Need("text_encoder", ("gemma2-2b",)), Need("vae", ("sana",), SANA_VAE)),
        published=SANA,
        licence={"": NSCL},
        single_file=True,
        refused={each.lower(): message("unfit.folder_only", name=f"SANA {each}") for each in ("Sprint", "2K", "4K")},
    ),
    FamilyFacts(
        "pixart",
        tells=signatures(
            ("alpha", *_PIXART, "ar_embedder.mlp.0.weight"),
            ("alpha", *_PIXART, ("y_embedder.y_embedding", 0, 120)),
            ("2k", *_PIXART, ("pos_embed", 1, 128**2)),
            ("512", *_PIXART, ("pos_embed", 1, 32**2)),
            ("256", *_PIXART, ("pos_embed", 1, 16**2)),
            ("", *_PIXART),
            ("alpha", *_PIXART_OF_DIFFUSERS, "adaln_single.emb.aspect_ratio_embedder.linear_1.weight"),
            ("", *_PIXART_OF_DIFFUSERS),
        ),
        named=(
            ("", r"(?<![a-z\d])2k(?![a-z\d])", "2k"),
            *(("", rf"(?<!\d){side}(?!\d)", side) for side in ("256", "512")),
            ("", r"pixart[-_ ]?(?:alpha|xl)", "alpha"),
        ),
        loras=loras(
            (r"^transformer_blocks_\d+_attn[12]_to_[qkv]|^blocks_\d+_cross_attn_(?:q|kv)_linear", 1152),
        ),
        pipelines=(
            *(PipelineClass("PixArtSigma", "sample_size", size, side) for size, side in _SIZES.items()),
            PipelineClass("PixArtSigma"),
            PipelineClass("PixArt", variant="alpha"),
        ),
        stepped=("PixArtSigmaPipeline",),
        architectures=("pixart",),
        channels=(4,),
        natives={"256": 256, "512": 512, "2k": 2048},
        multiple=16,
        defaults=FamilyDefaults(20, 4.5, "dpm++ 2m"),
        bounds={"": Bounds(guidance=(1.0, 8.0))},
        lengths={"": 300},
        blocks=("transformer_blocks",),
        needs=(Need("text_encoder", ("t5-xxl",), T5_XXL), Need("vae", ("",), SDXL_VAE)),
        published=PIXART,
        licence={"": OPENRAIL_PP},
        single_file=True,
        refused={"alpha": message("unfit.pixart_alpha")},
    ),
    FamilyFacts(
        "cogview3",
        tells=signatures(("", _PATCHED, ("patch_embed.proj.weight", 0, 2560))),
        loras=loras((r"^transformer_blocks_\d+_attn1_to_[qkv]", 2560)),
        pipelines=classes("CogView3"),
        defaults=FamilyDefaults(50, 5.0),
        folder="THUDM/CogView3-Plus-3B",
    ),
    FamilyFacts(
        "cogview4",
        tells=signatures(("", _PATCHED, "time_condition_embed.condition_embedder.linear_1.weight")),
        loras=loras((r"^transformer_blocks_\d+_attn1_to_[qkv]", 4096)),
        pipelines=classes("CogView4"),
        predicts=FLOW,
        defaults=FamilyDefaults(50, 5.0),
        folder="THUDM/CogView4-6B",
    ),
    FamilyFacts(
        "glm-image", tells=signatures(("", "glyph_projector.net.0.proj.weight", "prior_token_embedding.weight"))
    ),
    FamilyFacts(
        "prx",
        tells=signatures(("", "blocks.0.attention.img_qkv_proj.weight", "blocks.0.attention.txt_kv_proj.weight")),
    ),
)
