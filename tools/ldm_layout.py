"""Modules of diffusers and transformers to the tensors of a single file in the original (LDM) layout: the inverse of
what the loader does.

Names follow CompVis' Stable Diffusion (https://github.com/CompVis/stable-diffusion), Stability AI's generative-models
(https://github.com/Stability-AI/generative-models) and OpenCLIP (https://github.com/mlfoundations/open_clip).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

UNET = "model.diffusion_model."
VAE = "first_stage_model."

_UNET_ENDS = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "class_embedding.linear_1.": "label_emb.0.0.",
    "class_embedding.linear_2.": "label_emb.0.2.",
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip
_OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip
_OPEN_CLIP_ENDS = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}


def ldm_from_diffusers(unet: Any, vae: Any | None, text_encoders: Sequence[Any] = ()) -> dict[str, Tensor]:
    """Every tensor of a checkpoint under its original name; values are the modules' own tensors where they can be.

    The family is told from the modules: one `CLIPTextModel` is SD1 or, where its activation is `gelu`, SD2 (OpenCLIP-H,
    whose last layer the checkpoint has and diffusers' module lacks); `CLIPTextModel` and `CLIPTextModelWithProjection`
    are SDXL base; the latter alone is SDXL's refiner. An absent `vae` is left out.
    """
    tensors = {UNET + name: tensor for name, tensor in unet_tensors(unet).items()}
    if vae is not None:
        tensors |= {VAE + name: tensor for name, tensor in vae_tensors(vae.state_dict()).items()}
    if len(text_encoders) == 2:
        tensors |= _prefixed("conditioner.embedders.0.transformer.", clip_tensors(text_encoders[0]))
        tensors |= _prefixed("conditioner.embedders.1.model.", open_clip_tensors(text_encoders[1]))
    elif text_encoders and _is_wrapped(text_encoders[0]):
        tensors |= _prefixed("conditioner.embedders.0.model.", open_clip_tensors(text_encoders[0]))
    elif text_encoders and text_encoders[0].config.hidden_act == "gelu":
        tensors |= _prefixed("cond_stage_model.model.", open_clip_tensors(text_encoders[0], unused_layers=1))
    elif text_encoders:
        tensors |= _prefixed("cond_stage_model.transformer.", clip_tensors(text_encoders[0]))
    return tensors


def unet_tensors(unet: Any) -> dict[str, Tensor]:
    """A `UNet2DConditionModel`'s tensors under LDM's names, without their prefix."""
    blocks = [*_input_blocks(unet), *_middle_blocks(unet), *_output_blocks(unet)]
    prefixes = dict(blocks)
    return {_unet_name(name, prefixes): tensor for name, tensor in unet.state_dict().items()}


def controlnet_tensors(controlnet: Any) -> dict[str, Tensor]:
    """A `ControlNetModel`'s tensors under the names of lllyasviel's ControlNet
    (https://github.com/lllyasviel/ControlNet), without their prefix, `control_model.`."""
    names = control_names(controlnet)
    return {names[name]: tensor for name, tensor in controlnet.state_dict().items()}


def control_names(controlnet: Any) -> dict[str, str]:
    """The names of its tensors to those."""
    prefixes = dict([*_input_blocks(controlnet), *_middle_blocks(controlnet)])
    return {name: _control_name(name, controlnet, prefixes) for name in controlnet.state_dict()}


def t2i_names(adapter: Any) -> dict[str, str]:
    """The same of a full `T2IAdapter`, whose original numbers the blocks of all levels through."""
    per_level = len(adapter.adapter.body[0].resnets)

    def original(name: str) -> str:
        name = name.removeprefix("adapter.")
        if match := re.match(r"body\.(\d+)\.(?:resnets\.(\d+)\.)?(.+)", name):
            return f"body.{int(match[1]) * per_level + int(match[2] or 0)}.{match[3]}"
        return name

    return {name: original(name) for name in adapter.state_dict()}


def vae_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An `AutoencoderKL`'s tensors under LDM's names, without their prefix; attention as 1×1 convolutions."""
    levels = 1 + max(int(match[1]) for name in state if (match := re.match(r"decoder\.up_blocks\.(\d+)\.", name)))
    return dict(_vae_tensor(name, tensor, levels) for name, tensor in state.items())


def clip_tensors(model: Any) -> dict[str, Tensor]:
    """A CLIP text model's tensors under the names of transformers before 5.6: all with `text_model.` in front."""
    return {name if name.startswith("text_") else f"text_model.{name}": t for name, t in model.state_dict().items()}


def open_clip_tensors(model: Any, *, unused_layers: int = 0) -> dict[str, Tensor]:
    """A CLIP text model's tensors under OpenCLIP's names, with query, key and value in one.

    `unused_layers` more layers are added at the end, of zeros, with a `text_projection` of zeros: what SD2's files
    carry and no pipeline reads.
    """
    state = {name.removeprefix("text_model."): tensor for name, tensor in model.state_dict().items()}
    tensors = {_open_clip_name(name): tensor for name, tensor in state.items() if ".self_attn." not in name}
    layers = model.config.num_hidden_layers
    for layer in range(layers):
        tensors |= _open_clip_attention(state, layer)
    last = f"transformer.resblocks.{layers - 1}."
    for layer in range(layers, layers + unused_layers):
        own = {name: tensor for name, tensor in tensors.items() if name.startswith(last)}
        tensors |= {
            f"transformer.resblocks.{layer}.{k.removeprefix(last)}": torch.zeros_like(t) for k, t in own.items()
        }
    if "text_projection.weight" in tensors:
        tensors["text_projection"] = tensors.pop("text_projection.weight").T.contiguous()
    elif unused_layers:
        width = model.config.hidden_size
        tensors["text_projection"] = torch.zeros(width, width, dtype=model.dtype)
    tensors["logit_scale"] = torch.tensor(4.6052, dtype=model.dtype)
    return tensors


def ema_only(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same checkpoint with the UNet under EMA's names alone: `model_ema.`, and no dots behind."""
    ema = {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(1, dtype=torch.int32)}
    for name, tensor in tensors.items():
        ema["model_ema." + name.removeprefix("model.").replace(".", "") if name.startswith(UNET) else name] = tensor
    return ema


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _is_wrapped(text_encoder: Any) -> bool:
    return hasattr(text_encoder, "text_projection")


def _input_blocks(unet: Any) -> list[tuple[str, str]]:
    """Diffusers' prefixes of the way down, and LDM's: one input block per resnet, one per downsampler."""
    found, number = [], 1
    for level, block in enumerate(unet.down_blocks):
        for layer in range(len(block.resnets)):
            found.append((f"down_blocks.{level}.resnets.{layer}.", f"input_blocks.{number}.0."))
            found.append((f"down_blocks.{level}.attentions.{layer}.", f"input_blocks.{number}.1."))
            number += 1
        if block.downsamplers:
            found.append((f"down_blocks.{level}.downsamplers.0.conv.", f"input_blocks.{number}.0.op."))
            number += 1
    return found


def _middle_blocks(unet: Any) -> list[tuple[str, str]]:
    found = [("mid_block.resnets.0.", "middle_block.0.")]
    for layer in range(len(unet.mid_block.attentions)):
        found.append((f"mid_block.attentions.{layer}.", f"middle_block.{2 * layer + 1}."))
        found.append((f"mid_block.resnets.{layer + 1}.", f"middle_block.{2 * layer + 2}."))
    return found


def _output_blocks(unet: Any) -> list[tuple[str, str]]:
    """As `_input_blocks`; an upsampler is the last part of its level's last block."""
    found, number = [], 0
    for level, block in enumerate(unet.up_blocks):
        attentions = getattr(block, "attentions", None) or ()
        for layer in range(len(block.resnets)):
            found.append((f"up_blocks.{level}.resnets.{layer}.", f"output_blocks.{number}.0."))
            found.append((f"up_blocks.{level}.attentions.{layer}.", f"output_blocks.{number}.1."))
            number += 1
        if block.upsamplers:
            part = 2 if attentions else 1
            found.append((f"up_blocks.{level}.upsamplers.0.conv.", f"output_blocks.{number - 1}.{part}.conv."))
    return found


def _unet_name(name: str, prefixes: Mapping[str, str]) -> str:
    for theirs, ours in _UNET_ENDS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    theirs = next(prefix for prefix in prefixes if name.startswith(prefix))
    rest = name.removeprefix(theirs)
    return prefixes[theirs] + (_renamed(rest, _RESNET) if ".resnets." in theirs else rest)


def _control_name(name: str, controlnet: Any, prefixes: Mapping[str, str]) -> str:
    stem, _, end = name.rpartition(".")
    part, _, number = stem.rpartition(".")
    if part.startswith("controlnet_cond_embedding"):
        blocks = len(controlnet.controlnet_cond_embedding.blocks)
        place = {"conv_in": 0, "conv_out": blocks + 1}.get(number)
        return f"input_hint_block.{2 * (int(number) + 1 if place is None else place)}.{end}"
    if part == "controlnet_down_blocks":
        return f"zero_convs.{number}.0.{end}"
    return f"middle_block_out.0.{end}" if stem == "controlnet_mid_block" else _unet_name(name, prefixes)


def _vae_tensor(name: str, tensor: Tensor, levels: int) -> tuple[str, Tensor]:
    if ".attentions.0." in name:
        part, rest = name.split("mid_block.attentions.0.")
        weight = tensor[:, :, None, None] if tensor.ndim == 2 else tensor
        return f"{part}mid.attn_1.{_renamed(rest, _VAE_ATTENTION)}", weight
    name = re.sub(r"up_blocks\.(\d+)\.", lambda match: f"up.{levels - 1 - int(match[1])}.", name)
    name = re.sub(r"mid_block\.resnets\.(\d)\.", lambda match: f"mid.block_{int(match[1]) + 1}.", name)
    name = (
        name.replace("down_blocks.", "down.").replace(".resnets.", ".block.").replace("conv_shortcut", "nin_shortcut")
    )
    name = name.replace(".downsamplers.0.", ".downsample.").replace(".upsamplers.0.", ".upsample.")
    return name.replace("conv_norm_out", "norm_out"), tensor


def _open_clip_name(name: str) -> str:
    if match := re.match(r"encoder\.layers\.(\d+)\.(.*)", name):
        return f"transformer.resblocks.{match[1]}.{_renamed(match[2], _OPEN_CLIP)}"
    return _OPEN_CLIP_ENDS.get(name, name)


def _open_clip_attention(state: Mapping[str, Tensor], layer: int) -> dict[str, Tensor]:
    theirs, ours = f"encoder.layers.{layer}.self_attn.", f"transformer.resblocks.{layer}.attn."
    return {
        ours + f"in_proj_{part}": torch.cat([state[f"{theirs}{which}_proj.{part}"] for which in "qkv"])
        for part in ("weight", "bias")
    } | {ours + f"out_proj.{part}": state[f"{theirs}out_proj.{part}"] for part in ("weight", "bias")}


def _renamed(name: str, table: Mapping[str, str]) -> str:
    """`name` with its leading part, a key of `table`, replaced."""
    for theirs, ours in table.items():
        if name.startswith(theirs + "."):
            return ours + name.removeprefix(theirs)
    raise KeyError(name)
