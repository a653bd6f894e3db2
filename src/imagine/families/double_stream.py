"""Transformers of double and single blocks: Flux, its successors, and what was made after it.

The tensors' names are facts about the published checkpoints: of the originals' most are listed in diffusers'
`loaders/single_file_utils.py`, of its own they are those of its classes (Apache-2.0).
"""

from __future__ import annotations

from ..messages import message
from .facts import (
    FLOW,
    Bounds,
    FamilyDefaults,
    FamilyFacts,
    Need,
    PipelineClass,
    Shift,
    Tell,
    classes,
    loras,
    signatures,
)
from .published import (
    APACHE,
    CHROMA,
    CLIP_L,
    FLUX,
    FLUX2,
    FLUX2_DEV,
    FLUX2_NC,
    FLUX2_VAE,
    FLUX_DEV,
    FLUX_VAE,
    MISTRAL3,
    QWEN3_4B,
    QWEN3_8B,
    SDXL_VAE,
    T5_XXL,
)

_FLUX = "double_blocks.0.img_attn.norm.key_norm.scale"
_REFINER = "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias"
_FLUX2 = "single_stream_modulation.lin.weight"
_JOINT = "transformer_blocks.0.attn.add_k_proj.weight"
_SINGLE = "single_transformer_blocks.0.attn.norm_k.weight"
_TOKENS = "context_embedder.token_refiner.refiner_blocks.0.attn.to_q.weight"
_TIME = "time_embed.timestep_embedder.linear_1.weight"
_WRAPPED = "decoder.conv_in.conv.weight"
_CONTROLS = "controlnet_blocks.0.weight"
_BLOCKS = ("transformer_blocks", "single_transformer_blocks")
_GUIDED = (1.0, 5.0)
"""What a Flux is told: with more it goes plastic, though it was trained on some."""


def _flux(*table: tuple[Tell, ...]) -> tuple[tuple[Tell, ...], ...]:
    """Rows of networks under the original's names, whose norms some programs save as `weight`, others as `scale`."""
    names = (_FLUX, _FLUX.replace(".scale", ".weight"))
    return tuple((row[0], name, *row[1:]) for row in table for name in names)


_DISTILLED, _WHOLE = FamilyDefaults(4, 1.0, "euler"), FamilyDefaults(50, 4.0, "euler")
_BASE = r"(?<![a-z])base(?![a-z])"
KV = "klein-9b-kv"
"""FLUX.2 [klein] 9B, distilled so that pictures beside the one in the making attend to themselves alone."""
_FLUX2_VAE = Need("vae", ("flux2",), FLUX2_VAE)
# The smallest FLUX.2 is as wide as FLUX.1, and has 5 and 20 blocks where that has 19 and 38.
_KLEIN = (
    r"\A(?![\s\S]*^(?:double_blocks_(?:[5-9]|1\d)|single_blocks_[23]\d)_)"
    r"(?=[\s\S]*^double_blocks_4_)(?=[\s\S]*^single_blocks_19_)"
)

ROWS = (
    FamilyFacts(
        "chroma",
        tells=signatures(
            ("radiance", "distilled_guidance_layer.in_proj.bias", "nerf_final_layer.norm.scale"),
            ("radiance", "distilled_guidance_layer.in_proj.bias", "nerf_final_layer_conv.norm.scale"),
            ("", "distilled_guidance_layer.in_proj.bias"),
            ("", "distilled_guidance_layer.in_proj.weight"),
        ),
        loras=loras(r"distilled_guidance_layer"),
        pipelines=classes("Chroma"),
        stepped=("ChromaPipeline", "ChromaImg2ImgPipeline", "ChromaInpaintPipeline"),
        architectures=("chroma",),
        latent_channels=16,
        channels=(16,),
        patch=2,
        multiple=16,
        predicts=FLOW,
        # As diffusers' pipeline calculates it, where a folder's scheduler doesn't say otherwise.
        shift={"": Shift(least=0.5, most=1.15)},
        defaults=FamilyDefaults(35, 5.0, "euler"),
        bounds={"": Bounds(guidance=(1.0, 7.0))},
        lengths={"": 512},
        blocks=_BLOCKS,
        needs=(Need("text_encoder", ("t5-xxl",), T5_XXL), Need("vae", ("flux", "sd3"), FLUX_VAE)),
        published=CHROMA,
        licence={"": APACHE},
        single_file=True,
        refused={"radiance": message("unfit.radiance")},
    ),
    FamilyFacts(
        "flux2",
        tells=signatures(
            ("klein-4b", _FLUX2, ("txt_in.weight", 1, 7680)),
            ("klein-9b", _FLUX2, ("txt_in.weight", 1, 12288)),
            ("dev", _FLUX2, "guidance_in.in_layer.weight"),
            ("", _FLUX2),
            ("klein-4b", "single_stream_modulation.linear.weight", ("context_embedder.weight", 1, 7680)),
            ("klein-9b", "single_stream_modulation.linear.weight", ("context_embedder.weight", 1, 12288)),
            ("dev", "single_stream_modulation.linear.weight", ("context_embedder.weight", 1, 15360)),
            ("", "single_stream_modulation.linear.weight"),
        ),
        loras=loras(
            r"single_stream_modulation|attn_to_qkv_mlp_proj|double_stream_modulation",
            r"^transformer_blocks_\d+_ff(?:_context)?_linear_in",
            (r"^double_blocks_\d+_(?:img|txt)_attn_qkv|^single_blocks_\d+_linear1", 4096, 6144),
            r"^single_blocks_4[0-7]_",
            _KLEIN,
        ),
        vaes=signatures(("", "decoder.conv_in.weight", "bn.running_mean")),
        named=(
            ("", _BASE, "klein-base"),
            ("klein-4b", _BASE, "klein-base-4b"),
            ("klein-9b", _BASE, "klein-base-9b"),
            ("klein-9b", r"(?<![a-z])kv(?![a-z])", KV),
        ),
        called={
            "x/flux2-klein": ("klein-4b", "klein-9b"),
            "x/flux2-klein:4b": ("klein-4b",),
            "x/flux2-klein:9b": ("klein-9b",),
        },
        asked={"dev": 30},
        undistilled={"": "klein-base", "klein-4b": "klein-base-4b", "klein-9b": "klein-base-9b"},
        pipelines=(
            PipelineClass("Flux2Klein", "joint_attention_dim", 7680, "klein-4b"),
            PipelineClass("Flux2Klein", "joint_attention_dim", 12288, "klein-9b"),
            PipelineClass("Flux2Klein"),
            PipelineClass("Flux2KleinKV", variant=KV),
            PipelineClass("Flux2", variant="dev"),
        ),
        stepped=("Flux2KleinPipeline", "Flux2KleinInpaintPipeline", "Flux2KleinKVPipeline", "Flux2Pipeline"),
        architectures=("flux.2", "flux-2", "flux2"),
        latent_channels=32,
        channels=(32,),
        patch=2,
        own_vae=True,
        multiple=16,
        predicts=FLOW,
        guides={"dev": "embedded"},
        defaults=_DISTILLED,
        variants={"dev": _WHOLE, "klein-base": _WHOLE, "klein-base-4b": _WHOLE, "klein-base-9b": _WHOLE},
        bounds={
            **dict.fromkeys(("", "klein-4b", "klein-9b", KV), Bounds((1, 12), (0.0, 2.0))),
            **dict.fromkeys(("klein-base", "klein-base-4b", "klein-base-9b"), Bounds(guidance=(1.0, 8.0))),
            "dev": Bounds(guidance=_GUIDED),
        },
        lengths={"": 512},
        blocks=_BLOCKS,
        needs=(Need("text_encoder", ("qwen3-4b", "qwen3-8b"), QWEN3_4B), _FLUX2_VAE),
        variant_needs={
            **dict.fromkeys(
                ("klein-9b", KV, "klein-base-9b"), (Need("text_encoder", ("qwen3-8b",), QWEN3_8B), _FLUX2_VAE)
            ),
            **dict.fromkeys(("klein-4b", "klein-base-4b"), (Need("text_encoder", ("qwen3-4b",), QWEN3_4B), _FLUX2_VAE)),
            "dev": (Need("text_encoder", ("mistral3-24b",), MISTRAL3), _FLUX2_VAE),
        },
        published=FLUX2,
        licence={"": FLUX2_NC, "dev": FLUX2_DEV, "klein-4b": APACHE, "klein-base-4b": APACHE},
        single_file=True,
    ),
    FamilyFacts(
        "hunyuan-image",
        tells=signatures(
            ("", _REFINER, ("img_in.proj.weight", 1, 64)),
            ("", _TOKENS, ("x_embedder.proj.weight", 4)),
        ),
        vaes=signatures(("refiner", (_WRAPPED, 1, 32))),
        pipelines=classes("HunyuanImage"),
        architectures=("hunyuan_image", "hunyuan-image"),
        latent_channels=64,
        own_vae=True,
        native=2048,
        predicts=FLOW,
        defaults=FamilyDefaults(50),
    ),
    FamilyFacts(
        "hunyuan-video",
        makes="videos",
        tells=signatures(("", _REFINER), ("", _TOKENS)),
        loras=loras(
            r"individual_token_refiner|token_refiner_refiner_blocks",
            r"^double_blocks_19_|^single_blocks_3[89]_|^single_transformer_blocks_3[89]_",
        ),
        vaes=signatures(
            ("", _WRAPPED, "decoder.mid_block.attentions.0.group_norm.weight"),
            ("", _WRAPPED, "decoder.mid.block_1.conv1.conv.weight"),
        ),
        pipelines=classes("HunyuanVideo"),
        architectures=("hunyuan-video",),
        gguf="hyvid",
        predicts=FLOW,
        guidance="embedded",
    ),
    FamilyFacts(
        "bria",
        tells=signatures(
            ("fibo", _SINGLE, "caption_projection.0.linear.weight"),
            ("", _SINGLE, _TIME, ("context_embedder.weight", 1, 4096)),
        ),
    ),
    FamilyFacts(
        "longcat-image",
        tells=signatures(
            *_flux(("", ("txt_in.weight", 1, 3584))),
            ("", _SINGLE, _TIME, ("context_embedder.weight", 1, 3584)),
        ),
        pipelines=classes("LongCatImage"),
        predicts=FLOW,
        defaults=FamilyDefaults(50, 4.5),
    ),
    FamilyFacts(
        "ovis-image",
        tells=signatures(("", _SINGLE, "context_embedder_norm.weight")),
        pipelines=classes("OvisImage"),
        predicts=FLOW,
        defaults=FamilyDefaults(50, 5.0),
    ),
    FamilyFacts(
        "auraflow",
        tells=signatures(
            ("", "double_layers.0.attn.w2q.weight", "cond_seq_linear.weight"),
            ("", "register_tokens", "joint_transformer_blocks.0.attn.add_k_proj.weight"),
        ),
        loras=loras(r"^joint_transformer_blocks_|^double_layers_\d+_|^single_layers_\d+_"),
        pipelines=classes("AuraFlow"),
        stepped=("AuraFlowPipeline",),
        gguf="aura",
        latent_channels=4,
        channels=(4,),
        multiple=16,
        predicts=FLOW,
        shift={"": Shift(1.73)},
        defaults=FamilyDefaults(50, 3.5, "euler"),
        bounds={"": Bounds(guidance=(1.0, 8.0))},
        lengths={"": 256},
        blocks=("joint_transformer_blocks", "single_transformer_blocks"),
        needs=(Need("text_encoder", ("pile-t5-xl",)), Need("vae", ("",), SDXL_VAE)),
        licence={"": APACHE},
        single_file=True,
    ),
    FamilyFacts(
        "flux3",
        tells=signatures(
            ("distilled", "early_stream_modulations.image.lin.weight", "ref_time_in.in_layer.weight"),
            ("", "early_stream_modulations.image.lin.weight"),
            ("", "early_stream_modulations.image.linear.weight"),
        ),
        pipelines=classes("Flux3"),
        predicts=FLOW,
    ),
    FamilyFacts(
        "flux",
        tells=signatures(
            *_flux(
                ("fill", ("img_in.weight", 1, 384)),
                ("control", ("img_in.weight", 1, 128)),
                ("flex2", ("img_in.weight", 1, 196)),
                ("dev", "guidance_in.in_layer.bias"),
                ("schnell",),
            ),
            ("fill", _SINGLE, _JOINT, ("x_embedder.weight", 1, 384)),
            ("control", _SINGLE, _JOINT, ("x_embedder.weight", 1, 128)),
            ("dev", _SINGLE, _JOINT, "time_text_embed.guidance_embedder.linear_1.weight"),
            ("schnell", _SINGLE, "transformer_blocks.0.attn.norm_added_k.weight"),
        ),
        loras=loras(
            r"^double_blocks_|^single_blocks_|^single_transformer_blocks_",
            r"^(?:img_in|guidance_in|vector_in)$",
        ),
        named=(
            ("dev", "kontext", "kontext"),
            ("dev", r"(?<![a-z])krea(?![a-z])", "krea"),
            ("control", "canny", "canny"),
            ("control", "depth", "depth"),
        ),
        adapters={
            "controlnet": signatures(
                ("xlabs", "input_hint_block.0.weight", _FLUX),
                ("", _CONTROLS, _FLUX),
                # Qwen-Image's have this norm, and the rest as well.
                ("union", _CONTROLS, "controlnet_mode_embedder.weight", "!txt_norm.weight"),
                ("", _CONTROLS, "controlnet_x_embedder.weight", "!txt_norm.weight"),
            ),
            "ip-adapter": signatures(
                ("xlabs", "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight"),
                ("redux", "redux_up.weight", "redux_down.weight"),
                ("pulid", "pulid_ca.0.norm1.weight"),
            ),
        },
        pipelines=(
            PipelineClass("FluxControlNet"),
            PipelineClass("FluxControl", variant="control"),
            PipelineClass("Flux", "guidance_embeds", True, "dev"),
            PipelineClass("Flux", "guidance_embeds", False, "schnell"),
            PipelineClass("Flux"),
        ),
        stepped=(
            "FluxPipeline",
            "FluxImg2ImgPipeline",
            "FluxInpaintPipeline",
            "FluxFillPipeline",
            "FluxControlPipeline",
            "FluxKontextPipeline",
        ),
        architectures=("flux",),
        gguf="flux",
        latent_channels=16,
        channels=(16, 32, 96),  # with a map's; of Fill with the masked picture's and the mask's 8 × 8 pixels
        patch=2,
        own_vae=True,
        multiple=16,
        predicts=FLOW,
        guidance="embedded",
        guides={"schnell": "none"},
        shift={"": Shift(least=0.5, most=1.15), "schnell": Shift(1.0)},
        defaults=FamilyDefaults(28, 3.5, "euler"),
        variants={
            "schnell": FamilyDefaults(4, 0.0, "euler"),
            "kontext": FamilyDefaults(28, 2.5, "euler"),
            "krea": FamilyDefaults(28, 4.5, "euler"),
            "fill": FamilyDefaults(50, 30.0, "euler"),
            "control": FamilyDefaults(50, 10.0, "euler"),
            "canny": FamilyDefaults(50, 30.0, "euler"),
            "depth": FamilyDefaults(30, 10.0, "euler"),
        },
        distilled={
            "schnell": FamilyDefaults(4, 0.0, "euler"),
            "turbo": FamilyDefaults(8, 3.5, "euler"),
            "hyper": FamilyDefaults(8, 3.5, "euler"),
        },
        bounds={
            "": Bounds(guidance=_GUIDED),
            "schnell": Bounds((1, 12), (0.0, 0.0)),
            "turbo": Bounds((1, 16), _GUIDED),
            "hyper": Bounds((1, 20), _GUIDED),
            "fill": Bounds(guidance=(10.0, 30.0)),
            **dict.fromkeys(("control", "canny", "depth"), Bounds(guidance=(5.0, 30.0))),
        },
        lengths={"": 512, "schnell": 256},
        blocks=_BLOCKS,
        needs=(
            Need("text_encoder", ("clip_l",), CLIP_L),
            Need("text_encoder_2", ("t5-xxl",), T5_XXL),
            Need("vae", ("flux", "sd3"), FLUX_VAE),
        ),
        published=FLUX,
        licence={"": FLUX_DEV, "schnell": APACHE},
        single_file=True,
        refused={"flex2": message("unfit.flex2")},
    ),
)
