"""Tiny but real networks of controls: diffusers' own modules, and files in the layouts that they come in.

Everything random is seeded. What ControlNets begin with as zeros is random here too, so that they do something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from diffusers import (
    ControlNetModel,
    ControlNetUnionModel,
    FluxControlNetModel,
    QwenImageControlNetModel,
    T2IAdapter,
)
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from imagine.engine.execution.execution import Home
from imagine.engine.loading.maps import flux as flux_map
from imagine.words.frames import Submit
from imagine.words.model import Component, ControlUse
from imagine.words.recipe import Control
from tests.engine.running import png
from tools.ldm_layout import controlnet_tensors
from tools.original_layout import original_tensors

HINT = (8, 8, 16, 16)
"""Channels of what sees the map."""
_FROM_UNET = (
    "down_block_types", "block_out_channels", "cross_attention_dim", "attention_head_dim", "use_linear_projection",
    "upcast_attention", "transformer_layers_per_block", "addition_embed_type", "addition_time_embed_dim",
    "projection_class_embeddings_input_dim", "layers_per_block", "norm_num_groups",
)  # fmt: skip


def tiny_controlnet(unet: Any, seed: int = 1, **changes: Any) -> ControlNetModel:
    """Beside such a U-Net, with other weights than it."""
    settings = {name: unet.config[name] for name in _FROM_UNET} | changes
    return _drawn(seed, lambda: ControlNetModel(**settings, conditioning_embedding_out_channels=HINT))


def tiny_union(unet: Any, seed: int = 1, kinds: int = 6) -> ControlNetUnionModel:
    settings = {name: unet.config[name] for name in _FROM_UNET}
    width = settings["block_out_channels"][0]
    union = {"num_control_type": kinds, "num_trans_channel": width, "num_proj_channel": width}
    return _drawn(seed, lambda: ControlNetUnionModel(**settings, conditioning_embedding_out_channels=HINT, **union))


def tiny_t2i(unet: Any, seed: int = 1, *, light: bool = False, channels: int = 3) -> T2IAdapter:
    widths = list(unet.config.block_out_channels)
    if unet.config.addition_embed_type:
        kind = {"adapter_type": "full_adapter_xl", "downscale_factor": 16, "channels": [*widths, widths[-1]]}
    elif light:
        kind = {"adapter_type": "light_adapter", "channels": widths[:-1], "num_res_blocks": 3}
    else:
        kind = {"adapter_type": "full_adapter", "channels": widths}
    return _drawn(seed, lambda: T2IAdapter(in_channels=channels, **kind))


def tiny_flux_control(flux: Any, seed: int = 1, **changes: Any) -> FluxControlNetModel:
    """Beside such a transformer; `num_mode` of a union, `conditioning_embedding_channels` of one as XLabs' are, `seen`
    channels of a map's tokens, 68 of one as alimama's are."""
    names = ("attention_head_dim", "num_attention_heads", "joint_attention_dim", "pooled_projection_dim",
             "guidance_embeds", "axes_dims_rope")  # fmt: skip
    settings = {"num_layers": 1, "num_single_layers": 1} | {name: flux.config[name] for name in names} | changes
    return _drawn(seed, lambda: flux_control(**settings))


def flux_control(*, seen: int | None = None, **settings: Any) -> FluxControlNetModel:
    """diffusers' class, which knows none that sees more of a map than its latents."""
    made = FluxControlNetModel(**settings)
    if seen is not None:
        made.controlnet_x_embedder = torch.nn.Linear(seen, made.inner_dim)
    return made


def tiny_qwen_image_control(qwen: Any, seed: int = 1, **changes: Any) -> QwenImageControlNetModel:
    """Beside such a transformer; `extra_condition_channels` of one that paints."""
    names = ("attention_head_dim", "num_attention_heads", "joint_attention_dim", "axes_dims_rope")
    settings = {"num_layers": 1} | {name: qwen.config[name] for name in names} | changes
    return _drawn(seed, lambda: QwenImageControlNetModel(**settings))


def _drawn(seed: int, make: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make().eval().requires_grad_(False)
        for name, parameter in module.named_parameters():
            if not parameter.any() and name.endswith("weight"):
                parameter.normal_(std=0.5 / parameter[0].numel() ** 0.5)
    return module


def write_control(path: Path, module: Any, layout: str = "diffusers") -> Path:
    """A file of a network: `ldm` (as a checkpoint has it), `bare` (without its prefix) or `diffusers`; of a T2I-Adapter
    `original` or `diffusers`; of Flux' `diffusers` or `xlabs`; or a `folder`, which `path` becomes."""
    if layout == "folder":
        module.save_pretrained(path, safe_serialization=True)
        return path
    tensors = module.state_dict()
    if layout in ("ldm", "bare"):
        prefix = "control_model." if layout == "ldm" else ""
        tensors = {prefix + name: tensor for name, tensor in controlnet_tensors(module).items()}
    elif layout == "original":
        per_level = module.config.num_res_blocks
        tensors = {_tencent_name(name, per_level, module.config.adapter_type): each for name, each in tensors.items()}
    elif layout == "xlabs":
        tensors = xlabs_tensors(tensors)
    return save(path, tensors)


def xlabs_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    kept = {name: each for name, each in tensors.items() if name.startswith(("controlnet_", "input_hint_block"))}
    made = original_tensors({name: each for name, each in tensors.items() if name not in kept}, flux_map.LAYOUT)
    places = ["conv_in", *(f"blocks.{number}" for number in range(6)), "conv_out"]
    for name, each in kept.items():
        for number, place in enumerate(places):
            name = name.replace(f"input_hint_block.{place}.", f"input_hint_block.{2 * number}.")
        made[name.replace("controlnet_x_embedder", "pos_embed_input")] = each
    return made


def _tencent_name(name: str, per_level: int, kind: str) -> str:
    name = name.removeprefix("adapter.")
    if kind == "light_adapter":
        return re.sub(r"\.resnets\.", ".body.", name)
    if match := re.fullmatch(r"body\.(\d+)\.resnets\.(\d+)\.(.+)", name):
        return f"body.{int(match[1]) * per_level + int(match[2])}.{match[3]}"
    if match := re.fullmatch(r"body\.(\d+)\.in_conv\.(.+)", name):
        return f"body.{int(match[1]) * per_level}.in_conv.{match[2]}"
    return name


def write_control_lora(path: Path, unet: Any, controlnet: Any, seed: int = 1, rank: int = 3) -> Path:
    """A control-LoRA, and `controlnet` made the ControlNet that it is beside that U-Net: weights of the U-Net's and of
    low-rank halves, with norms, biases and what a U-Net has not of the ControlNet's own."""
    generator, theirs = torch.Generator().manual_seed(seed), dict(unet.named_parameters())
    changed, layers = {}, controlnet_tensors(controlnet)
    for (name, parameter), ldm in zip(controlnet.named_parameters(), layers, strict=True):
        if name in theirs and parameter.dim() > 1:
            up = torch.randn(len(parameter), rank, generator=generator)
            down = torch.randn(rank, *parameter.shape[1:], generator=generator) * 0.1 * float(parameter.std())
            with torch.no_grad():
                parameter.copy_(theirs[name] + (up @ down.flatten(1)).reshape(parameter.shape))
            stem = ldm.removesuffix(".weight")
            changed |= {f"{stem}.up": up, f"{stem}.down": down}
        else:
            changed[ldm] = parameter
    return save(path, changed | {"lora_controlnet": torch.zeros(())})


def save(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, path)
    return path


def home_of(denoiser: Any) -> Home:
    """Where one works that stays where it lies."""
    return Home(denoiser.device, denoiser.dtype)


def controlled(
    path: Path, picture: Image.Image, *, variant: str = "", digest: str = "", **changes: Any
) -> tuple[ControlUse, Control]:
    """What a picture has of the network at `path`, and what its recipe says of it."""
    kind = "diffusers" if path.is_dir() else "safetensors"
    part = Component(role="adapter", path=str(path), digest=digest or path.stem, format=kind)
    use = ControlUse(kind="controlnet", variant=variant, component=part, image=png(picture))
    return use, Control(model=path.stem, image="0" * 64, digest=part.digest, **changes)


def under(one: Submit, *controls: tuple[ControlUse, Control]) -> Submit:
    """What is asked for, held by these controls."""
    params = msgspec.structs.replace(one.params, control=tuple(said for _, said in controls))
    return msgspec.structs.replace(one, params=params, controls=tuple(use for use, _ in controls))
