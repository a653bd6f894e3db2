"""Tiny but real checkpoints: diffusers' own modules, narrow, written out in the layouts that files come in.

Everything random is seeded. `tiny_modules` makes the networks of one family, `write_checkpoint` a single file in the
original layout, `write_parts` a file for each network, `write_vae` one of the VAE alone, `write_folder` a diffusers
folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from safetensors.torch import save_file
from torch import Tensor
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from imagine.engine.loading.tokenizer import FOLDER as TOKENIZER_FOLDER
from tools.ldm_layout import UNET, VAE, ema_only, ldm_from_diffusers, vae_tensors

FAMILIES = ("stable_diffusion", "sd2", "sdxl", "sdxl_refiner")
SD1_DOWN = ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
SD1_UP = ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3

_UNETS: dict[str, dict[str, Any]] = {
    "stable_diffusion": {
        "block_out_channels": [32, 32, 64, 64], "cross_attention_dim": 32, "attention_head_dim": 8,
        "down_block_types": SD1_DOWN, "up_block_types": SD1_UP,
    },
    "sd2": {
        "block_out_channels": [64, 64, 128, 128], "cross_attention_dim": 32, "attention_head_dim": [1, 1, 2, 2],
        "use_linear_projection": True, "upcast_attention": True,
        "down_block_types": SD1_DOWN, "up_block_types": SD1_UP,
    },
    "sdxl": {
        "block_out_channels": [64, 64, 128], "cross_attention_dim": 80, "attention_head_dim": [1, 1, 2],
        "use_linear_projection": True, "transformer_layers_per_block": [1, 2, 3],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 40,
    },
    "sdxl_refiner": {
        "block_out_channels": [64, 64, 128, 128], "cross_attention_dim": 48, "attention_head_dim": [1, 1, 2, 2],
        "use_linear_projection": True, "transformer_layers_per_block": 2,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 5 * 8 + 40,
    },
}  # fmt: skip
_CLIP_L = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 1}
_OPEN_CLIP_H = {**_CLIP_L, "hidden_act": "gelu"}
_OPEN_CLIP_G = {**_OPEN_CLIP_H, "hidden_size": 48, "projection_dim": 40}
_TEXT_PREFIXES = {
    "stable_diffusion": ["cond_stage_model.transformer."], "sd2": ["cond_stage_model.model."],
    "sdxl": ["conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."],
    "sdxl_refiner": ["conditioner.embedders.0.model."],
}  # fmt: skip
PIPELINES = {
    "stable_diffusion": "StableDiffusionPipeline", "sd2": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline", "sdxl_refiner": "StableDiffusionXLImg2ImgPipeline",
}  # fmt: skip


@dataclass
class Modules:
    """The networks of one checkpoint, in float32."""

    family: str
    unet: Any
    vae: Any
    text_encoders: list[Any]


def tiny_modules(
    family: str = "stable_diffusion", *, in_channels: int = 4, seed: int = 0, unet: Mapping[str, Any] | None = None,
    vae: Mapping[str, Any] | None = None, text: Mapping[str, Any] | None = None,
) -> Modules:  # fmt: skip
    """Networks of `family` with random weights; `unet`, `vae` and `text` change settings of theirs."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Modules(
            family,
            UNet2DConditionModel(**{**_UNETS[family], "in_channels": in_channels, **(unet or {})}).eval(),
            AutoencoderKL(**{**vae_settings(family), **(vae or {})}).eval(),
            _text_encoders(family, text or {}),
        )


def vae_settings(family: str) -> dict[str, Any]:
    return {
        "block_out_channels": [32, 32, 64, 64], "layers_per_block": 1, "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
        "scaling_factor": 0.13025 if family.startswith("sdxl") else 0.18215,
    }  # fmt: skip


def write_checkpoint(
    path: Path, modules: Modules | str = "stable_diffusion", *, dtype: torch.dtype = torch.float32, vae: bool = True,
    ema: str = "", metadata: Mapping[str, str] | None = None, extra: Mapping[str, Tensor] | None = None,
) -> Modules:  # fmt: skip
    """A single file in the original layout. `ema` is "", "only" (the U-Net is there only as its EMA copy) or "both".

    A float8 `dtype` is for the U-Net's matrices; the rest is float16 then. `extra` tensors are added. Returns the
    modules.
    """
    modules = tiny_modules(modules) if isinstance(modules, str) else modules
    tensors = ldm_from_diffusers(modules.unet, modules.vae if vae else None, modules.text_encoders)
    if ema == "only":
        tensors = ema_only(tensors)
    elif ema == "both":
        copy = {name: tensor + 1 for name, tensor in tensors.items() if name.startswith(UNET)}
        tensors |= ema_only(copy)
    tensors = {name: _stored(name, tensor, dtype) for name, tensor in tensors.items()}
    save(path, tensors | dict(extra or {}), metadata)
    return modules


def write_vae(path: Path, modules: Modules, *, layout: str, dtype: torch.dtype = torch.float32) -> None:
    """The VAE alone: `layout` is `ldm` (with the prefix it has in a checkpoint), `bare` (without) or `diffusers`."""
    state = modules.vae.state_dict()
    tensors = dict(state) if layout == "diffusers" else vae_tensors(state)
    prefix = VAE if layout == "ldm" else ""
    save(path, {prefix + name: tensor.to(dtype) for name, tensor in tensors.items()})


def write_parts(
    folder: Path, modules: Modules, *, layout: str = "bare", metadata: Mapping[str, str] | None = None
) -> dict[str, Path]:
    """A file for each network, by its role. `layout` is `ldm` (with the prefixes they have in a checkpoint), `bare`
    (without) or `diffusers` (as its pipelines' folders hold them)."""
    encoders = {"sdxl_refiner": ["text_encoder_2"], "sdxl": ["text_encoder", "text_encoder_2"]}
    roles = encoders.get(modules.family, ["text_encoder"])
    if layout == "diffusers":
        networks = [modules.unet, *modules.text_encoders, modules.vae]
        states = [dict(network.state_dict()) for network in networks]
        parts = dict(zip(["denoiser", *roles, "vae"], states, strict=True))
    else:
        whole = ldm_from_diffusers(modules.unet, modules.vae, modules.text_encoders)
        prefixes = {"denoiser": UNET, "vae": VAE} | dict(zip(roles, _TEXT_PREFIXES[modules.family], strict=True))
        parts = {
            role: {n if layout == "ldm" else n.removeprefix(p): t for n, t in whole.items() if n.startswith(p)}
            for role, p in prefixes.items()
        }
    paths = {role: folder / f"{modules.family}-{role}.safetensors" for role in parts}
    for role, path in paths.items():
        save(path, parts[role], metadata)
    return paths


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """A safetensors file at `path`, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    save_file(whole, path, metadata={"format": "pt", **(metadata or {})})


def write_folder(path: Path, modules: Modules, *, prediction: str = "epsilon") -> None:
    """A diffusers folder, safetensors only; one without weights is what `from_single_file` takes for `config`."""
    pipeline(modules, prediction=prediction).save_pretrained(path, safe_serialization=True)


def unclip_pipeline(encoder: Any, *, seed: int = 0) -> Any:
    """Diffusers' own pipeline of a tiny Stable Diffusion 2 that is shown what `encoder`, transformers', sees."""
    width = encoder.config.projection_dim
    labels = {"class_embed_type": "projection", "projection_class_embeddings_input_dim": 2 * width}
    parts = pipeline_parts(tiny_modules("sd2", seed=seed, unet=labels | {"sample_size": 8}))
    del parts["safety_checker"]
    normalizer = StableUnCLIPImageNormalizer(width)
    numbers = torch.Generator().manual_seed(seed)
    normalizer.mean.data.normal_(0, 0.3, generator=numbers)
    normalizer.std.data.uniform_(0.5, 1.5, generator=numbers)
    side = encoder.config.image_size
    sides = {"height": side, "width": side}
    made = diffusers.StableUnCLIPImg2ImgPipeline(
        **parts | {"feature_extractor": CLIPImageProcessor(size={"shortest_edge": side}, crop_size=sides)},
        image_encoder=encoder, image_normalizer=normalizer,
        image_noising_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    )  # fmt: skip
    made.set_progress_bar_config(disable=True)
    return made


def write_whole_folder(path: Path) -> None:
    """A diffusers folder of a pipeline that has no family of its own here: Stable Diffusion 3, without its T5."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _stable_diffusion_3().save_pretrained(path)


def _stable_diffusion_3() -> Any:
    text = CLIPTextConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, projection_dim=32
    )
    tokenizer = CLIPTokenizer(
        str(TOKENIZER_FOLDER / "vocab.json"), str(TOKENIZER_FOLDER / "merges.txt"), model_max_length=77
    )
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=8, patch_size=1, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
            joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=64, out_channels=16,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKL(
            latent_channels=16, block_out_channels=(8, 8, 8, 8), norm_num_groups=4, layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=1.5, shift_factor=0.06,
        ),
        text_encoder=CLIPTextModelWithProjection(text), tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(text), tokenizer_2=tokenizer,
        text_encoder_3=None, tokenizer_3=None,
    )  # fmt: skip


def write_config_folder(path: Path, modules: Modules) -> None:
    """What plain diffusers needs beside a single file to load it offline: every setting, and no weights.

    Modules on `meta` will do.
    """
    parts = pipeline_parts(modules)
    index = {name: _class_of(part) for name, part in parts.items()} | {"_class_name": PIPELINES[modules.family]}
    for name, part in parts.items():
        if name == "scheduler" or name in ("unet", "vae"):
            part.save_config(path / name)
        elif part is not None:
            (part.config if name.startswith("text") else part).save_pretrained(path / name)
    (path / "model_index.json").write_text(json.dumps({**index, "_diffusers_version": diffusers.__version__}))


def pipeline(modules: Modules, *, prediction: str = "epsilon") -> Any:
    """Diffusers' own pipeline over `modules`: what ours is compared with."""
    parts = pipeline_parts(modules, prediction=prediction)
    options = {} if "xl" in modules.family else {"requires_safety_checker": False}
    made = getattr(diffusers, PIPELINES[modules.family])(**parts, **options)
    made.set_progress_bar_config(disable=True)
    return made


def pipeline_parts(modules: Modules, *, prediction: str = "epsilon") -> dict[str, Any]:
    """The pipeline's components by their names."""
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1,
        set_alpha_to_one=False, prediction_type=prediction,
    )  # fmt: skip
    parts = {"unet": modules.unet, "vae": modules.vae, "scheduler": scheduler}
    end, bang = CLIPTokenizer.from_pretrained(TOKENIZER_FOLDER), CLIPTokenizer.from_pretrained(TOKENIZER_FOLDER)
    bang.pad_token = "!"
    if modules.family == "sdxl":
        first, second = modules.text_encoders
        return parts | {"text_encoder": first, "text_encoder_2": second, "tokenizer": end, "tokenizer_2": bang}
    (only,) = modules.text_encoders
    if modules.family == "sdxl_refiner":
        return parts | {"text_encoder": None, "text_encoder_2": only, "tokenizer": None, "tokenizer_2": bang}
    tokenizer = bang if modules.family == "sd2" else end
    return parts | {"text_encoder": only, "tokenizer": tokenizer, "safety_checker": None, "feature_extractor": None}


def _text_encoders(family: str, changes: Mapping[str, Any]) -> list[Any]:
    def config(settings: Mapping[str, Any]) -> CLIPTextConfig:
        return CLIPTextConfig(**{**settings, **changes})

    if family == "sdxl":
        return [CLIPTextModel(config(_CLIP_L)).eval(), CLIPTextModelWithProjection(config(_OPEN_CLIP_G)).eval()]
    if family == "sdxl_refiner":
        return [CLIPTextModelWithProjection(config(_OPEN_CLIP_G)).eval()]
    return [CLIPTextModel(config(_CLIP_L if family == "stable_diffusion" else _OPEN_CLIP_H)).eval()]


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    if dtype.itemsize > 1:
        return tensor.to(dtype)
    return tensor.to(dtype if name.startswith(UNET) and tensor.ndim > 1 else torch.float16)


def _class_of(part: Any) -> list[str | None]:
    if part is None:
        return [None, None]
    return [type(part).__module__.split(".")[0], type(part).__name__]
