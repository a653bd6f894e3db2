"""Stable Diffusion 3 and 3.5: one transformer over the tokens of text and picture, three text encoders."""

from __future__ import annotations

from .facts import FLOW, Bounds, FamilyDefaults, FamilyFacts, Need, PipelineClass, Shift, classes, loras, signatures
from .published import CLIP_G, CLIP_L, SD3, SD3_VAE, SD35, STABILITY, T5_XXL

_ORIGINAL = "joint_blocks.0.context_block.adaLN_modulation.1.bias"
_JOINT = "transformer_blocks.0.attn.add_k_proj.weight"
_CONTROLS = ("controlnet_blocks.0.weight", "pos_embed_input.proj.weight")
_NEEDS = (
    Need("text_encoder", ("clip_l",), CLIP_L),
    Need("text_encoder_2", ("clip_g",), CLIP_G),
    Need("text_encoder_3", ("t5-xxl",), T5_XXL, optional=True),  # zeros in its place do, with less heed to long prompts
    Need("vae", ("sd3", "flux"), SD3_VAE),
)
_SHIFT = {"": Shift(3.0)}
_STEPPED = tuple(f"StableDiffusion3{kind}Pipeline" for kind in ("", "Img2Img", "Inpaint"))
_LENGTHS = {"": 256}
_BLOCKS = ("transformer_blocks",)

ROWS = (
    FamilyFacts(
        "sd3.5",
        tells=signatures(
            ("large", _ORIGINAL, "joint_blocks.37.x_block.mlp.fc1.weight"),
            ("medium", _ORIGINAL, "joint_blocks.0.x_block.attn2.qkv.weight"),
            ("", _ORIGINAL, "joint_blocks.0.x_block.attn.ln_q.weight"),  # only 3.5 normalises its queries
            ("large", _JOINT, "pos_embed.proj.weight", "transformer_blocks.37.attn.to_q.weight"),
            ("medium", _JOINT, "pos_embed.proj.weight", "transformer_blocks.0.attn2.to_q.weight"),
            ("", _JOINT, "pos_embed.proj.weight", "transformer_blocks.0.attn.norm_q.weight"),
        ),
        loras=loras(
            r"^joint_blocks_(?:2[4-9]|3\d)_|x_block_attn2_",
            (r"^joint_blocks_\d+_(?:x|context)_block_attn_qkv", 2432),
            (r"^transformer_blocks_\d+_attn_(?:add|to)_[qkv]", 2432),
        ),
        shares_loras=("sd3",),
        shares_embeddings=("sd3",),
        adapters={
            "controlnet": signatures(
                ("large", *_CONTROLS, ("controlnet_blocks.0.weight", 0, 2432)),
                ("medium", *_CONTROLS, "transformer_blocks.0.attn.norm_q.weight"),
            )
        },
        pipelines=(
            PipelineClass("StableDiffusion3", "num_layers", 38, "large"),
            PipelineClass("StableDiffusion3", "dual_attention_layers", variant="medium"),
            PipelineClass("StableDiffusion3", "qk_norm"),
        ),
        architectures=("stable-diffusion-3.5", "sd3.5"),
        latent_channels=16,
        multiple=16,
        predicts=FLOW,
        shift=_SHIFT,
        defaults=FamilyDefaults(28, 4.5, "euler"),
        variants={"large": FamilyDefaults(28, 3.5, "euler"), "medium": FamilyDefaults(40, 4.5, "euler")},
        distilled={"turbo": FamilyDefaults(4, 0.0, "euler")},
        bounds={"": Bounds(guidance=(1.0, 7.0)), "turbo": Bounds((1, 12), (0.0, 2.0))},
        lengths=_LENGTHS,
        blocks=_BLOCKS,
        needs=_NEEDS,
        stepped=_STEPPED,
        stepped_where={"patch_size": 2},  # by which its sides are multiples of 16
        channels=(16,),
        published=SD35,
        licence={"": STABILITY},
        single_file=True,
    ),
    FamilyFacts(
        "sd3",
        tells=signatures(("", _ORIGINAL), ("", _JOINT, "pos_embed.proj.weight")),
        loras=loras(
            r"^joint_blocks_",
            (r"^transformer_blocks_\d+_attn_(?:add_[qkv]_proj|to_[qkv])", 1536),
        ),
        adapters={"controlnet": signatures(("", *_CONTROLS))},
        pipelines=classes("StableDiffusion3"),
        architectures=("stable-diffusion-3", "sd3"),
        gguf="sd3",
        latent_channels=16,
        vae_named=r"sd[-_ ]?3|stable[-_ ]diffusion[-_ ]3",
        multiple=16,
        predicts=FLOW,
        shift=_SHIFT,
        defaults=FamilyDefaults(28, 7.0, "euler"),
        bounds={"": Bounds(guidance=(1.0, 8.0))},
        lengths=_LENGTHS,
        blocks=_BLOCKS,
        needs=_NEEDS,
        stepped=_STEPPED,
        stepped_where={"patch_size": 2},  # by which its sides are multiples of 16
        channels=(16,),
        published=SD3,
        licence={"": STABILITY},
        single_file=True,
    ),
)
