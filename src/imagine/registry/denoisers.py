"""Which family's denoiser a file holds: told by the names of its tensors and the shape of the network, never by width.

The key names are facts about the published checkpoints, most of them listed in diffusers'
`loaders/single_file_utils.py` (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from imagine.registry.header import TensorInfo

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


class Tensors:
    """A header's tensors under one prefix; `flat` is the way EMA copies are named, with every dot left out."""

    def __init__(self, tensors: Mapping[str, TensorInfo], prefix: str, *, flat: bool = False) -> None:
        self.tensors = tensors
        self.prefix = prefix
        self.flat = flat

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the tensor `name`, or () where there is none."""
        info = self.tensors.get(self.prefix + (name.replace(".", "") if self.flat else name))
        return info.shape if info else ()

    def has(self, *names: str) -> bool:
        return all(self.prefix + (n.replace(".", "") if self.flat else n) in self.tensors for n in names)


_SD3 = "joint_blocks.0.context_block.adaLN_modulation.1.bias"
# The first row whose tensors are all there tells the family; the more particular ones stand first.
_TRANSFORMERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sd3.5", "large", (_SD3, "joint_blocks.37.x_block.mlp.fc1.weight")),
    ("sd3.5", "medium", (_SD3, "joint_blocks.0.x_block.attn2.qkv.weight")),
    ("sd3", "", (_SD3,)),
    ("flux3", "distilled", ("early_stream_modulations.image.lin.weight", "ref_time_in.in_layer.weight")),
    ("flux3", "", ("early_stream_modulations.image.lin.weight",)),
    ("flux2", "dev", ("single_stream_modulation.lin.weight", "guidance_in.in_layer.weight")),
    ("flux2", "klein", ("single_stream_modulation.lin.weight",)),
    ("chroma", "", ("distilled_guidance_layer.in_proj.bias",)),
    ("hunyuan-video", "", ("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias",)),
    ("flux", "dev", ("double_blocks.0.img_attn.norm.key_norm.scale", "guidance_in.in_layer.bias")),
    ("flux", "schnell", ("double_blocks.0.img_attn.norm.key_norm.scale",)),
    ("ltx2", "", ("av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1.weight",)),
    ("ltx", "", ("patchify_proj.weight", "transformer_blocks.27.scale_shift_table")),
    ("mochi", "", ("blocks.0.attn.qkv_x.weight",)),
    ("auraflow", "", ("double_layers.0.attn.w2q.weight", "cond_seq_linear.weight")),
    ("z-image", "", ("layers.0.adaLN_modulation.0.weight",)),
    ("lumina2", "", ("cap_embedder.0.weight",)),
    ("pixart", "", ("blocks.0.cross_attn.q_linear.weight", "blocks.0.mlp.fc1.weight")),
    ("sana", "", ("blocks.0.cross_attn.q_linear.weight",)),
    ("wan", "vace", ("head.modulation", "vace_blocks.0.after_proj.bias")),
    ("wan", "", ("head.modulation",)),
    ("qwen-image", "2.1", ("txt_in.text_norm.weight",)),
    ("qwen-image", "", ("txt_norm.weight", "transformer_blocks.0.img_mod.1.weight")),
    ("krea2", "", ("txtfusion.projector.weight",)),
    ("hidream", "", ("double_stream_blocks.0.block.adaLN_modulation.1.bias",)),
    ("cosmos-1.0", "", ("x_embedder.proj.1.weight", "blocks.block1.blocks.0.block.attn.to_q.0.weight")),
    ("cosmos-2.0", "", ("x_embedder.proj.1.weight", "blocks.0.self_attn.q_proj.weight")),
    ("minimax-h3", "", ("token_refiner.blocks.0.attn.qkv_proj.weight",)),
    ("kandinsky5", "", ("visual_transformer_blocks.0.cross_attention.key_norm.weight",)),
    ("stable_cascade", "stage-c", ("clip_txt_mapper.weight",)),
    ("stable_cascade", "stage-b", ("down_blocks.1.0.channelwise.0.weight",)),
    # As diffusers names them, in the files of its folders.
    ("flux2", "", ("single_stream_modulation.linear.weight",)),
    ("flux", "", ("single_transformer_blocks.0.attn.norm_k.weight", "transformer_blocks.0.attn.norm_added_k.weight")),
    ("sd3", "", ("transformer_blocks.0.attn.add_k_proj.weight", "pos_embed.proj.weight")),
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
    depth = 0
    while view.has(f"input_blocks.7.1.transformer_blocks.{depth}.norm1.weight"):
        depth += 1
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
    projection = view.shape("down_blocks.0.attentions.0.proj_in.weight")
    if view.has("add_embedding.linear_1.weight"):
        family = "sdxl_refiner" if view.has("down_blocks.3.resnets.0.conv1.weight") else "sdxl"
    elif projection:
        family = "stable_diffusion" if len(projection) == 4 else "sd2"
    else:
        family = ""
    return Denoiser(family, _channels_variant(first[1], last[0]), first[1], last[0], view.prefix)


def _transformer(view: Tensors) -> Denoiser | None:
    for family, variant, names in _TRANSFORMERS:
        if view.has(*names):
            taken = _patch_channels(view)
            if family == "flux" and taken > 16:
                variant = "fill" if taken == 96 else "control"
            if family == "sd3" and view.has("joint_blocks.0.x_block.attn.ln_q.weight"):
                family = "sd3.5"  # only 3.5 normalises its queries
            return Denoiser(family, variant, taken, _LATENT_CHANNELS.get(family, taken), view.prefix)
    return None


def _patch_channels(view: Tensors) -> int:
    """Channels of one latent pixel, from the layer that embeds patches (of 2x2 where it is linear); 0: not told."""
    for name in ("x_embedder.proj.weight", "patch_embedding.weight", "pos_embed.proj.weight", "img_in.proj.weight"):
        if len(shape := view.shape(name)) >= 4:
            return shape[1]
    for name in ("img_in.weight", "init_x_linear.weight", "x_embedder.weight"):
        if len(shape := view.shape(name)) == 2:
            return shape[1] // 4
    return 0
