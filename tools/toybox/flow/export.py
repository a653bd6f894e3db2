"""Its networks as one file, and such a file's networks again, to be trained on: Chroma's own layout, its T5 and VAE
beside it, in bfloat16, with a model card in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL, ChromaTransformer2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from imagine.engine.loading import ldm_keys
from imagine.engine.loading.maps import chroma
from imagine.engine.parts.t5 import T5Encoder
from tools.ldm_layout import vae_tensors
from tools.original_layout import original_tensors
from tools.toybox.export import UPSCALER
from tools.toybox.flow import models

DENOISER, TEXT, VAE = "model.diffusion_model.", "text_encoders.t5xxl.transformer.", "vae."
"""What stands before the names of each network's tensors in files that hold all of a model."""
LIMIT = 24_000_000
"""Bytes of the finished file at most."""
EXAMPLES = {
    "en": [
        "a red star and a blue house on a white background",
        "a yellow sun above a green tree on a blue background",
        "a purple fish to the left of an orange car on a white background",
        "a large pink heart on a black background",
    ],
    "ru": [
        "красная звезда и синий дом на белом фоне",
        "жёлтое солнце над зелёным деревом на синем фоне",
        "фиолетовая рыба слева от оранжевой машины на белом фоне",
        "большое розовое сердце на чёрном фоне",
    ],
}
"""What a newcomer can ask for, in the same order in every language."""


class FlowNetworks(NamedTuple):
    """All three, in float32."""

    denoiser: ChromaTransformer2DModel
    encoder: T5Encoder
    vae: AutoencoderKL


def metadata(date: str) -> dict[str, str]:
    """The file's `__metadata__`, after https://github.com/Stability-AI/ModelSpec, and what shapes can't tell."""
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "chroma",
        "modelspec.title": "Toybox Flow",
        "modelspec.author": "The Imagine authors",
        "modelspec.license": "MIT",
        "modelspec.date": date,
        "modelspec.resolution": f"{models.EDGE}x{models.EDGE}",
        "modelspec.description": "One thing or two, each in its own colour, in English and Russian, by flow matching.",
        "modelspec.tags": "toy, shapes, tiny, test model, flow matching, english, russian",
        "imagine.upscaler": UPSCALER,
        "imagine.examples": json.dumps(EXAMPLES, ensure_ascii=False),
        "imagine.guidance": f"{models.GUIDANCE:g}",
        "imagine.num_steps": str(models.STEPS),
        "imagine.vae_norm_num_groups": str(models.VAE["norm_num_groups"]),
    }


def export(path: Path, networks: FlowNetworks, *, date: str) -> None:
    """Write the checkpoint. Raises ValueError for one that would be too large."""
    parts = {
        DENOISER: original_tensors(networks.denoiser.state_dict(), chroma.LAYOUT),
        TEXT: networks.encoder.state_dict(),
        VAE: vae_tensors(networks.vae.state_dict()),
    }
    tensors = {
        prefix + name: value.detach().to(torch.bfloat16).contiguous()
        for prefix, part in parts.items()
        for name, value in part.items()
    }
    size = sum(value.nbytes for value in tensors.values())
    if size > LIMIT:
        raise ValueError(f"{path.name} would take {size} bytes, more than {LIMIT}")
    partial = path.with_suffix(".part")
    save_file(tensors, partial, metadata(date))
    partial.replace(path)


def opened(path: Path) -> FlowNetworks:
    """The networks of an exported file, as their training has them."""
    tensors = {name: value.float() for name, value in load_file(path).items()}
    networks = FlowNetworks(models.build_denoiser(), models.build_text_encoder(), models.build_vae())
    ours = _inside(tensors, DENOISER)
    found = chroma.taken({name: tuple(value.shape) for name, value in ours.items()})
    networks.denoiser.load_state_dict({name: ours[at.name][at.start : at.end] for name, at in found.items()})
    networks.encoder.load_state_dict(_inside(tensors, TEXT))
    networks.vae.load_state_dict(ldm_keys.diffusers_vae(_inside(tensors, VAE)))
    networks.encoder.requires_grad_(False)
    return networks


def _inside(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
