"""Stable Diffusion 1, 2 and XL, and the other U-Nets."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..messages import Message, message
from .facts import (
    TAGS,
    Bounds,
    Dtype,
    FamilyDefaults,
    FamilyFacts,
    Need,
    PipelineClass,
    Predicts,
    Signature,
    Tell,
    classes,
    loras,
    signatures,
)
from .published import CLIP_G, CLIP_L, OPENRAIL, OPENRAIL_PP, SD_VAE, SDXL_VAE, STABILITY

_ORIGINAL: tuple[Tell, ...] = (("input_blocks.0.0.weight", 4), ("out.2.weight", 4))
_DIFFUSERS: tuple[Tell, ...] = (
    ("conv_in.weight", 4),
    ("conv_out.weight", 4),
    "up_blocks.0.resnets.0.conv1.weight",
)
_LABEL = "label_emb.0.0.weight"
_PROJECTION = "input_blocks.1.1.proj_in.weight"
_NEW_PROJECTION = "down_blocks.0.attentions.0.proj_in.weight"
_ADDED = "add_embedding.linear_1.weight"
_LEVEL = "input_blocks.4.0.op.weight"
"""Of a network with one layer a level, where SDXL has two."""
_UNCLIP = "StableUnCLIPImg2ImgPipeline"
_REDUCED = {"": 10, "ssd-1b": 4, "vega": 2, "koala-700m": 5, "koala-1b": 6}
"""SDXL and its relatives, by the transformer blocks in the deepest attention of the way down."""

_TEMPORAL = "motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q.weight"
_MOTION = "motion_modules.0.transformer_blocks.0.attn1.to_q.weight"
_GLIGEN = "down_blocks.0.attentions.0.transformer_blocks.0.fuser.alpha_attn"


def _original(*table: tuple[Tell, ...]) -> tuple[Signature, ...]:
    """U-Nets under the names of the original latent-diffusion code."""
    return tuple(Signature(row.variant, (*_ORIGINAL, *row.tells)) for row in signatures(*table))


def _diffusers(*table: tuple[Tell, ...]) -> tuple[Signature, ...]:
    """U-Nets under diffusers' names, as in a folder's `unet/diffusion_pytorch_model.safetensors`."""
    return tuple(Signature(row.variant, (*_DIFFUSERS, *row.tells)) for row in signatures(*table))


def _as_deep(blocks: str, *tells: Tell) -> tuple[tuple[Tell, ...], ...]:
    """A row for each of SDXL's relatives: as many transformer blocks in `blocks` as it has, and no more."""
    name = blocks + ".transformer_blocks.{}.norm1.weight"
    return tuple(
        (variant, *tells, *map(name.format, range(depth)), "!" + name.format(depth))
        for variant, depth in _REDUCED.items()
    )


def _t2i_adapters(*folded: int) -> tuple[Signature, ...]:
    """Those whose first layer takes so many channels: of 8 × 8 pixels, of SDXL 16 × 16, grey ones or in colour."""
    firsts = (
        ("body.0.block1.weight", "conv_in.weight"), ("body.0.body.0.block1.weight", "body.0.in_conv.weight"),
        ("adapter.body.0.resnets.0.block1.weight", "adapter.conv_in.weight"),
        ("adapter.body.0.resnets.0.block1.weight", "adapter.body.0.in_conv.weight"),
    )  # fmt: skip
    return signatures(*(("t2i-adapter", told, (first, 1, count)) for told, first in firsts for count in folded))


def _pipelines(base: str) -> tuple[str, ...]:
    return tuple(f"{base}{kind}Pipeline" for kind in ("", "Img2Img", "Inpaint"))


_PIX2PIX, _LEFT_OUT, _EDM = message("unfit.pix2pix"), message("unfit.left_out"), message("unfit.edm")
_REFUSED: Mapping[str, Message] = MappingProxyType({
    "instruct-pix2pix": _PIX2PIX,
    "depth": message("unfit.depth"),
    "lcm": message("unfit.lcm"),
    "unclip": message("unfit.unclip"),
    "playground-v2.5": _EDM,
    "cosxl": _EDM,
    "ssd-1b": _LEFT_OUT,
    "vega": _LEFT_OUT,
    "koala-700m": _LEFT_OUT,
})  # fmt: skip
DISTILLED: Mapping[str, FamilyDefaults] = MappingProxyType({
    "turbo": FamilyDefaults(4, 1.0, "euler a", "sgm uniform"),
    "lightning": FamilyDefaults(4, 1.0, "euler", "sgm uniform"),
    "hyper": FamilyDefaults(8, 1.0, "ddim", "sgm uniform"),
    "lcm": FamilyDefaults(6, 1.0, "lcm", "default"),
    "dmd2": FamilyDefaults(4, 1.0, "lcm", "default"),
    "tcd": FamilyDefaults(4, 1.0, "tcd", "default"),
    "pcm": FamilyDefaults(4, 1.0, "ddim", "sgm uniform"),
})  # fmt: skip
"""What those made to take few steps take, by how: a guidance of 1 is none."""
_BARELY = (0.0, 3.0)
BOUNDS: Mapping[str, Bounds] = MappingProxyType({
    "turbo": Bounds((1, 12), _BARELY),
    "lightning": Bounds((1, 12), _BARELY),
    "hyper": Bounds((1, 16), _BARELY),
    "lcm": Bounds((1, 16), _BARELY),
    "dmd2": Bounds((1, 12), _BARELY),
    "tcd": Bounds((1, 30), _BARELY),
    "pcm": Bounds((1, 20)),
})  # fmt: skip
"""Theirs are merged into others, which are asked for some more steps and guidance than the originals. PCM was made with
guidance, too."""

_EITHER = Predicts("epsilon", also=("v_prediction",))
# Trained in float16; on a CPU that computes it faster, bfloat16 does them no harm.
_FLOATS: tuple[Dtype, ...] = ("float16", "float32", "bfloat16")

_LATER = MappingProxyType({"": OPENRAIL_PP, "turbo": STABILITY})

ROWS = (
    # The level of noise in the small picture is one of its inputs.
    FamilyFacts("sd_x4_upscaler", tells=_original(("", "label_emb.weight")), native=512, unet=True),
    FamilyFacts(
        "svd",
        makes="videos",
        tells=_original(
            ("", "input_blocks.1.1.time_stack.0.norm_in.weight"),
            ("", "input_blocks.4.1.time_stack.0.norm_in.weight"),
        ),
        vaes=signatures(
            ("", "decoder.mid_block.resnets.0.spatial_res_block.norm1.weight"),
            ("", "decoder.up.0.block.0.time_stack.in_layers.0.weight"),
        ),
        unet=True,
    ),
    FamilyFacts(
        "stable_diffusion",
        tells=(*_original(("", (_PROJECTION, 4))), *_diffusers(("", (_NEW_PROJECTION, 4), f"!{_ADDED}"))),
        loras=loras(
            r"^down_blocks_(?:0_attentions|3)_|^up_blocks_(?:2_attentions|3)_",
            r"^input_blocks_(?:[12]_1|9|1[01])_|^output_blocks_(?:[678]_1|9|1[01])_",
            (r"^up_blocks_1_attentions_\d_transformer_blocks_\d_attn[12]_to_q", 1280),
        ),
        vaes=signatures(
            ("asymmetric", "decoder.condition_encoder.layers.0.weight"),
            ("consistency-decoder", "decoder_unet.conv_in.weight"),
        ),
        adapters={
            "controlnet": _t2i_adapters(64, 192),
            # SDXL has three levels.
            "motion-module": signatures(
                ("", f"down_blocks.3.{_TEMPORAL}"), ("", f"down_blocks.3.{_MOTION}", "!conv_in.weight")
            ),
            "style-model": signatures(("t2i-style", "style_embedding", "transformer_layes.0.attn.in_proj_weight")),
            "gligen": signatures(("", "position_net.linears.0.weight"), ("", _GLIGEN, "!conv_in.weight")),
        },
        pipelines=classes("StableDiffusion", "LatentConsistencyModel"),
        stepped=_pipelines("StableDiffusion"),
        architectures=("stable-diffusion-v1", "sd_v1", "sd1"),
        gguf="sd1",
        habit=TAGS,
        unet=True,
        context=768,
        native=512,
        predicts=_EITHER,
        distilled=DISTILLED,
        bounds=BOUNDS,
        dtypes=_FLOATS,
        needs=(Need("text_encoder", ("clip_l",), CLIP_L), Need("vae", ("",), SD_VAE)),
        licence={"": OPENRAIL},
        single_file=True,
        refused=_REFUSED,
    ),
    FamilyFacts(
        "sd2",  # it projects with a linear layer where SD1 has a 1x1 convolution, at any width
        tells=(
            *_original(("unclip", _PROJECTION, _LABEL), ("", _PROJECTION)),
            *_diffusers(("", _NEW_PROJECTION, f"!{_ADDED}")),
        ),
        pipelines=(
            *(PipelineClass(name, "use_linear_projection") for name in ("StableDiffusion", "LatentConsistencyModel")),
            PipelineClass(_UNCLIP),
        ),
        stepped=(*_pipelines("StableDiffusion"), _UNCLIP),
        shown=(_UNCLIP,),
        architectures=("stable-diffusion-v2", "sd_v2", "sd2"),
        habit=TAGS,
        unet=True,
        context=1024,
        # Its 512-base (epsilon) and 768-v have the same tensors. 768-v is the one most were tuned from, and diffusers
        # takes a bare file for it too. The bias and the bound are those of ComfyUI's `comfy/supported_models.py`
        # (https://github.com/comfyanonymous/ComfyUI).
        native=768,
        natives={"epsilon": 512},
        predicts=Predicts(
            "v_prediction",
            also=("epsilon",),
            variants={"inpainting": "epsilon", "depth": "epsilon"},
            architectures={"stable-diffusion-v2-768-v": "v_prediction", "stable-diffusion-v2-512": "epsilon"},
            spread=(
                (
                    "output_blocks.11.1.transformer_blocks.0.norm1.bias",
                    "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
                ),
                0.09,
            ),
        ),
        distilled=DISTILLED,
        bounds=BOUNDS,
        dtypes=_FLOATS,
        needs=(Need("text_encoder", ("clip_h",)), Need("vae", ("",), SD_VAE)),
        licence=_LATER,
        single_file=True,
        refused=_REFUSED,
    ),
    FamilyFacts(
        "sdxl_refiner",
        tells=(
            *_original(("", _LABEL, "input_blocks.9.0.op.weight")),
            *_diffusers(("", _ADDED, "down_blocks.3.resnets.0.conv1.weight", "!encoder_hid_proj.weight")),
        ),
        shares_embeddings=("sdxl",),
        pipelines=(PipelineClass("StableDiffusionXL", "cross_attention_dim", 1280),),
        stepped=_pipelines("StableDiffusionXL"),
        habit=TAGS,
        unet=True,
        context=1280,
        predicts=_EITHER,
        distilled=DISTILLED,
        bounds=BOUNDS,
        dtypes=_FLOATS,
        wide=("vae",),
        needs=(Need("text_encoder_2", ("clip_g",), CLIP_G), Need("vae", ("",), SDXL_VAE)),
        licence=_LATER,
        single_file=True,
        refused=_REFUSED,
    ),
    FamilyFacts(
        "kolors",
        tells=(*_original(("", (_LABEL, 1, 5632))), *_diffusers(("", "encoder_hid_proj.weight", _ADDED))),
        pipelines=classes("Kolors"),
        packages=("sentencepiece",),  # by which ChatGLM's tokenizer reads its words
        unet=True,
        defaults=FamilyDefaults(50, 5.0),
        folder="Kwai-Kolors/Kolors-diffusers",
    ),
    FamilyFacts(
        "sdxl",
        tells=(
            *_original(
                *_as_deep("input_blocks.5.1", _LABEL, _LEVEL),
                ("reduced", _LABEL, _LEVEL),
                *_as_deep("input_blocks.7.1", _LABEL),
                ("reduced", _LABEL),
            ),
            *_diffusers(
                *_as_deep("down_blocks.2.attentions.0", _ADDED),
                ("", _ADDED, "!down_blocks.2.attentions.0.transformer_blocks.0.norm1.weight"),
                ("reduced", _ADDED),
            ),
        ),
        # It stacks transformer blocks and attends to nothing at its first level; it has three levels, others four.
        loras=loras(
            r"attentions_\d_transformer_blocks_[1-9]|block_1_transformer_blocks_[1-9]|add_embedding|label_emb",
            r"put_blocks_\d+_1_transformer_blocks_[1-9]|^up_blocks_0_attentions_|^output_blocks_[012]_1_",
            (r"^up_blocks_1_attentions_\d_transformer_blocks_\d_attn[12]_to_q", 640),
            r"^(?:te2|text_encoder_2|te1|clip_g)_",
        ),
        adapters={
            "controlnet": _t2i_adapters(256, 768),
            "ip-adapter": signatures(("photomaker", "id_encoder.visual_projection_2.weight")),
            "motion-module": signatures(
                ("", f"down_blocks.0.{_TEMPORAL}"),
                ("", f"down_blocks.0.{_MOTION}", "!conv_in.weight"),
                ("hotshot", "down_blocks.0.temporal_attentions.0.transformer_blocks.0.attn1.to_q.weight"),
            ),
        },
        pipelines=classes("StableDiffusionXL"),
        stepped=_pipelines("StableDiffusionXL"),
        architectures=("stable-diffusion-xl", "sdxl"),
        gguf="sdxl",
        habit=TAGS,
        unet=True,
        context=2048,
        predicts=_EITHER,
        distilled=DISTILLED,
        bounds=BOUNDS,
        dtypes=_FLOATS,
        wide=("vae",),
        needs=(
            Need("text_encoder", ("clip_l",), CLIP_L),
            Need("text_encoder_2", ("clip_g",), CLIP_G),
            Need("vae", ("",), SDXL_VAE),
        ),
        licence=_LATER,
        single_file=True,
        refused=_REFUSED,
    ),
    FamilyFacts(
        "stable_cascade",
        tells=signatures(("stage-c", "clip_txt_mapper.weight"), ("stage-b", "down_blocks.1.0.channelwise.0.weight")),
        loras=loras(r"^(?:down|up)_blocks_\d+_\d+_(?:attention|channelwise|mapper)"),
        vaes=signatures(("", "vquantizer.codebook.weight")),
        pipelines=classes("StableCascade"),
        habit=TAGS,
        unet=True,
    ),
)
