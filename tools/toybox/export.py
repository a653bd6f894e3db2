"""Toybox's networks as one file: the original layout of Stable Diffusion 1, fp16, with a model card in its header.

`config_folder` writes what plain diffusers needs beside the file to load it without a network.
"""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextModel

from tools.ldm_layout import ldm_from_diffusers
from tools.toybox import models

SD1_SCALE = 0.18215
TOKENIZER = Path(__file__).parents[2] / "src/imagine/engine/loading/tokenizers/clip"
UPSCALER = "realesr-animevideov3"
"""What enlarges its pictures where nobody said a size: a first picture is a clean 512 × 512."""
EXAMPLES = {
    "en": [
        "a red house on a blue background",
        "a large yellow sun on a pink background",
        "a small white star on a black background, on the right",
        "a purple flower on a green background",
        "a green car on a gray background, on the left",
        "an orange fish on a white background",
    ],
    "ru": [
        "красный дом на синем фоне",
        "большое жёлтое солнце на розовом фоне",
        "маленькая белая звезда на чёрном фоне, справа",
        "фиолетовый цветок на зелёном фоне",
        "зелёная машина на сером фоне, слева",
        "оранжевая рыба на белом фоне",
    ],
}
"""What a newcomer can ask for, in the same order in every language."""
LIMIT = 32_000_000
"""Bytes of the finished file at most."""


def metadata(date: str) -> dict[str, str]:
    """The file's `__metadata__`, after https://github.com/Stability-AI/ModelSpec, and what shapes can't tell."""
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.implementation": "https://github.com/CompVis/stable-diffusion",
        "modelspec.title": "Toybox",
        "modelspec.author": "The Imagine authors",
        "modelspec.license": "MIT",
        "modelspec.date": date,
        "modelspec.resolution": "128x128",
        "modelspec.prediction_type": "v",
        "modelspec.description": "Twelve things in nine colours on ten backgrounds, in English and Russian.",
        "modelspec.usage_hint": "A small red house on a blue background, on the left",
        "modelspec.tags": "toy, shapes, tiny, test model, english, russian",
        "imagine.upscaler": UPSCALER,
        "imagine.examples": json.dumps(EXAMPLES, ensure_ascii=False),
        "imagine.guidance": f"{models.GUIDANCE:g}",
        "imagine.attention_heads": str(models.UNET_CONFIG["attention_head_dim"]),
        "imagine.norm_num_groups": str(models.UNET_CONFIG["norm_num_groups"]),
        "imagine.vae_norm_num_groups": str(models.VAE_CONFIG["norm_num_groups"]),
        "imagine.text_attention_heads": str(models.TEXT_CONFIG["num_attention_heads"]),
    }


def fold_scale(vae: AutoencoderKL, mean: Tensor, std: Tensor) -> AutoencoderKL:
    """A copy of `vae` whose latents, times SD1's 0.18215, have mean 0 and deviation 1 in every channel.

    Both 1×1 convolutions around the latents are linear, so the change goes into their weights. The posterior's
    log-variance, fixed in training, becomes a constant.
    """
    vae = copy.deepcopy(vae).float().cpu()
    channels = models.LATENT_CHANNELS
    mean, std = mean.flatten().cpu(), std.flatten().cpu() * SD1_SCALE
    with torch.no_grad():
        quant, post = vae.quant_conv, vae.post_quant_conv
        quant.weight[:channels] /= std[:, None, None, None]
        quant.bias[:channels] = (quant.bias[:channels] - mean) / std
        quant.weight[channels:] = 0
        quant.bias[channels:] = models.POSTERIOR_LOG_VARIANCE - 2 * std.log()
        post.bias += (post.weight[:, :, 0, 0] * mean).sum(1)
        post.weight *= std[None, :, None, None]
    return vae


def export(path: Path, unet: UNet2DConditionModel, vae: AutoencoderKL, encoder: CLIPTextModel, *, date: str) -> None:
    """Write the checkpoint; `vae` has its scale folded in."""
    tensors = {
        name: value.detach().to("cpu", torch.float16).contiguous()
        for name, value in ldm_from_diffusers(unet, vae, [encoder]).items()
    }
    partial = path.with_suffix(".part")
    save_file(tensors, partial, metadata(date))
    size = partial.stat().st_size
    if size > LIMIT:
        partial.unlink()
        raise ValueError(f"{path.name} would take {size} bytes, more than {LIMIT}")
    partial.replace(path)


def config_folder(folder: Path) -> Path:
    """The folder for `StableDiffusionPipeline.from_single_file(file, config=folder)`."""
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "requires_safety_checker": False,
    }
    index |= {name: [None, None] for name in ("safety_checker", "feature_extractor", "image_encoder")}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    models.build_unet().save_config(folder / "unet")
    models.build_vae().save_config(folder / "vae")
    models.build_text_encoder().config.save_pretrained(folder / "text_encoder")
    DPMSolverMultistepScheduler(**models.NOISE_CONFIG, steps_offset=1).save_config(folder / "scheduler")
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir(exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(TOKENIZER / name, tokenizer / name)
    marks = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    marks["pad_token"] = "<|endoftext|>"
    (tokenizer / "special_tokens_map.json").write_text(json.dumps(marks))
    settings = {**marks, "model_max_length": models.TOKENS, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True}
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
