"""A checkpoint's tensors sorted by network and renamed, without touching one: from the original layout to diffusers'.

U-Net and VAE go through diffusers' own converters, which rename and take views. The text encoders don't: diffusers
copies OpenCLIP's fused query, key and value, which are views here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from ...messages import message
from ...words.errors import UnusableModel
from ..libraries.light import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from .family_config import UNET, VAE, FamilyConfig, TextEncoderConfig
from .unet_names import with_unet_prefix
from .weights import Renamed, Tensors, Weights

EMA = "model_ema.diffusion_model"
_FIRST = "conditioner.embedders.0."

_VAE_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.", "bn.", "conv1.", "conv2.")
_VAE_PREFIXES = (VAE, "vae.", "")
_OLD_VAE_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}

# What training, samplers and other programs leave in a file and no network here reads.
_EXTRA = re.compile(
    r"^(model_ema|denoiser)\.|alphas_cumprod|^(betas|logvar|lvlb_weights|scale_factor|v_pred|ztsnr)$|^posterior_"
    r"|(^|\.)(position_ids|logit_scale|attn_mask|scaled_fp8|scale_input|scale_weight)$"
    r"|\.(weight_scale|input_scale|comfy_quant)$"
    r"|^cond_stage_model\.text_projection$|^conditioner\.embedders\.\d+\.text_projection$"
    r"|(^|\.)text_projection\.weight$"
    r"|^(model\.diffusion_model\.|diffusion_model\.)?norm_final\.weight$"
    r"|\.loss\.|\.visual\."
)
_EMA_BLOCK = re.compile(r"(input_blocks|output_blocks)(\d+)(\d)(?=\D)|(middle_block)(\d)(?=\D)")
_EMA_ENDS = re.compile(r"(time_embed|label_emb0|out)([02])(weight|bias)")
_EMA_TRANSFORMER = re.compile(r"transformer_blocks(\d+)(attn1|attn2|ff|norm1|norm2|norm3)")
_EMA_REST = {
    "in_layers0": "in_layers.0.", "in_layers2": "in_layers.2.", "out_layers0": "out_layers.0.",
    "out_layers3": "out_layers.3.", "emb_layers1": "emb_layers.1.", "skip_connection": "skip_connection.",
    "op": "op.", "conv": "conv.", "norm": "norm.", "proj_in": "proj_in.", "proj_out": "proj_out.",
    "to_out0": "to_out.0.", "to_q": "to_q.", "to_k": "to_k.", "to_v": "to_v.", "net0proj": "net.0.proj.",
    "net2": "net.2.", "": "",
}  # fmt: skip

_TOKENS = re.compile(r"(?P<prefix>(?:.*?\.)??)(?:text_model\.)?(?:embeddings\.)?token_embedding\.weight")
"""The table of tokens that a CLIP has, and what stands before the names of all its tensors."""

_OPEN_CLIP = {
    "ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.", "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2.",
    "attn.out_proj.": "self_attn.out_proj.",
}  # fmt: skip
_OPEN_CLIP_ENDS = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}


def with_live_unet(weights: Weights) -> Weights:
    """The same weights, the U-Net named as in a checkpoint; where it is there only as its EMA copy, that copy.

    Live weights win over the copy, as diffusers has it. EMA's names lack the dots, which the network's grammar brings
    back. Raises UnusableModel for an EMA name that isn't of it.
    """
    weights = with_unet_prefix(weights)
    if any(name.startswith(UNET) for name in weights.names):
        return weights
    live = {UNET + _dotted(name.removeprefix(EMA)): name for name in weights.names if name.startswith(EMA)}
    return Renamed(weights, {name: name for name in weights.names if not name.startswith(EMA)} | live)


def with_sd_names(weights: Weights) -> Weights:
    """The same weights; where SD1's or SD2's only text encoder has the name of SDXL's first (as SD-Turbo's has), its
    usual one."""
    names = weights.names
    if UNET + "label_emb.0.0.weight" in names or not any(name.startswith(_FIRST) for name in names):
        return weights
    usual = "cond_stage_model."
    return Renamed(
        weights, {usual + name.removeprefix(_FIRST) if name.startswith(_FIRST) else name: name for name in names}
    )


def unet_part(weights: Weights) -> Tensors:
    """The U-Net's tensors, under the original layout's names without their prefix."""
    return _under(weights, UNET)


def vae_part(weights: Weights) -> Tensors:
    """The VAE's tensors, without their prefix and whatever the layout; none where there is no VAE."""
    for prefix in _VAE_PREFIXES:
        if part := _under(weights, prefix, _VAE_PARTS):
            return part
    return {}


def unknown_names(names: Collection[str], family: FamilyConfig) -> list[str]:
    """What lies in a checkpoint beside its networks and isn't among the extras that many files carry."""
    known = (UNET, *_VAE_PREFIXES[:-1], *(encoder.prefix for encoder in family.text_encoders))
    return [name for name in names if not name.startswith(known) and not is_extra(name)]


def is_extra(name: str) -> bool:
    """Is it among the tensors that programs leave in a file and no network here reads?"""
    return _EXTRA.search(name) is not None


def diffusers_unet(part: Tensors, config: Mapping[str, object]) -> Tensors:
    """A U-Net's tensors under diffusers' names."""
    converted = convert_ldm_unet_checkpoint({UNET + name: tensor for name, tensor in part.items()}, config)
    return _complete("U-Net", part, converted)


def diffusers_vae(part: Tensors) -> Tensors:
    """A VAE's tensors under diffusers' names: converted, or as they are but for the attention's old names."""
    if any(".resnets." in name for name in part):
        return {new_vae_name(name): tensor for name, tensor in part.items()}
    levels = len({name.split(".")[2] for name in part if name.startswith("encoder.down.")})
    if not levels:
        raise UnusableModel(message("weights.no_encoder"))
    blocks = [""] * levels
    return _complete(
        "VAE", part, convert_ldm_vae_checkpoint(part, {"down_block_types": blocks, "up_block_types": blocks})
    )


def text_tensors(weights: Weights, encoder: TextEncoderConfig) -> Tensors:
    """A text encoder's tensors under transformers' names, without `text_model.` in front."""
    part = _under(weights, encoder.prefix)
    if "token_embedding.weight" in part:
        return _from_open_clip(part, projection=encoder.projection, whole=encoder.layers)
    part = {name.removeprefix("text_model."): tensor for name, tensor in part.items()}
    projection = encoder.prefix + "text_projection.weight"
    if encoder.projection and projection in weights.names:
        part["text_projection.weight"] = weights.read(projection)
    unread = f"encoder.layers.{encoder.layers - 1}."  # as of OpenCLIP's
    return part if encoder.projection else {n: tensor for n, tensor in part.items() if not n.startswith(unread)}


def in_its_place(weights: Weights, encoder: TextEncoderConfig) -> Weights:
    """A text encoder's own file, with the names that it has in a checkpoint. Raises UnusableModel where it holds none
    of CLIP's, or several."""
    matches = [match for name in weights.names if (match := _TOKENS.fullmatch(name))]
    if len(matches) != 1:
        raise UnusableModel(message("weights.no_clip", count=len(matches)))
    prefix = matches[0]["prefix"]
    names = [name for name in weights.names if name.startswith(prefix)]
    return Renamed(weights, {encoder.prefix + name.removeprefix(prefix): name for name in names})


def _under(weights: Weights, prefix: str, beginnings: tuple[str, ...] = ("",)) -> Tensors:
    """What lies under a prefix, without it and without what no network reads."""
    names = [name for name in weights.names if name.startswith(prefix)]
    wanted = {name[len(prefix) :]: name for name in names}
    return {
        short: weights.read(name)
        for short, name in wanted.items()
        if short.startswith(beginnings) and not is_extra(short)
    }


def _complete(what: str, part: Tensors, converted: Tensors) -> Tensors:
    """`converted`, unless the converter left out some of `part`: it does so without a word."""
    if len(converted) != len(part):
        kept = {tensor.data_ptr() for tensor in converted.values()}
        left_out = [name for name, tensor in part.items() if tensor.data_ptr() not in kept]
        raise UnusableModel(message("weights.unexpected", part=what, names=", ".join(left_out[:3])))
    return converted


def new_vae_name(name: str) -> str:
    """A VAE's name in diffusers, its attention's being the ones since 2023."""
    for old, new in _OLD_VAE_ATTENTION.items():
        name = name.replace(old, new)
    return name


def _from_open_clip(part: Tensors, *, projection: bool, whole: int) -> Tensors:
    """Without `projection` the last layer goes unread, where the whole model of so many layers is there: SD2 was
    trained on the penultimate one."""
    layers = 1 + max(
        (int(name.split(".")[2]) for name in part if name.startswith("transformer.resblocks.")), default=-1
    )
    last = layers == whole or ("text_projection" in part and layers != whole - 1)
    unread = f"transformer.resblocks.{layers - 1}." if last and not projection else None
    converted: Tensors = {}
    for name, tensor in part.items():
        if name == "text_projection":
            if projection:
                converted["text_projection.weight"] = tensor.T.contiguous()
        elif unread is None or not name.startswith(unread):
            converted |= _open_clip_entry(name, tensor)
    return converted


def _open_clip_entry(name: str, tensor: Tensor) -> Tensors:
    if not name.startswith("transformer.resblocks."):
        return {_OPEN_CLIP_ENDS.get(name, name): tensor}
    layer, rest = name.removeprefix("transformer.resblocks.").split(".", 1)
    stem = f"encoder.layers.{layer}."
    if rest.startswith("attn.in_proj_"):
        kind = rest.removeprefix("attn.in_proj_")
        return {
            f"{stem}self_attn.{which}_proj.{kind}": third for which, third in zip("qkv", tensor.chunk(3), strict=True)
        }
    for theirs, ours in _OPEN_CLIP.items():
        if rest.startswith(theirs):
            return {stem + ours + rest.removeprefix(theirs): tensor}
    return {name: tensor}


def _dotted(flat: str) -> str:
    """`input_blocks10in_layers0weight` → `input_blocks.1.0.in_layers.0.weight`."""
    if match := _EMA_ENDS.fullmatch(flat):
        return f"{match[1].replace('emb0', 'emb.0')}.{match[2]}.{match[3]}"
    block = _EMA_BLOCK.match(flat)
    ending = next((end for end in ("weight", "bias") if flat.endswith(end)), None)
    if block is None or ending is None:
        raise UnusableModel(message("weights.ema", name=f"{EMA}{flat[:100]}"))
    numbers = ".".join(group for group in block.groups() if group)
    rest = flat[block.end() : -len(ending)]
    inner = ""
    if match := _EMA_TRANSFORMER.match(rest):
        inner, rest = f"transformer_blocks.{match[1]}.{match[2]}.", rest[match.end() :]
    if rest not in _EMA_REST:
        raise UnusableModel(message("weights.ema", name=f"{EMA}{flat[:100]}"))
    return f"{numbers}.{inner}{_EMA_REST[rest]}{ending}"
