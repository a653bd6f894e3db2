"""Settings read off full-size shapes equal the published ones, and no memory is taken to find out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from imagine.engine.loading.family_config import check_family, family_config
from imagine.engine.loading.networks import text_network, unet_network, vae_network
from imagine.engine.parts.clip import clip_config
from imagine.families.table import facts_of
from imagine.words.errors import UnusableModel
from tools.ldm_layout import ldm_from_diffusers

_FOUR = {"down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]}
_LINEAR = {"use_linear_projection": True}
_TIMED = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256}

# From the `unet/config.json` of the repositories named, on the Hub.
UNETS: dict[str, dict[str, Any]] = {
    # stable-diffusion-v1-5/stable-diffusion-v1-5
    "stable_diffusion": {
        "sample_size": 64, "block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768,
        "attention_head_dim": 8, **_FOUR,
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    },
    # stabilityai/stable-diffusion-2-1
    "sd2": {
        "sample_size": 96, "block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20], "upcast_attention": True, **_LINEAR, **_FOUR,
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    },
    # stabilityai/stable-diffusion-xl-base-1.0
    "sdxl": {
        "sample_size": 128, "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
        "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10], **_LINEAR, **_TIMED,
        "projection_class_embeddings_input_dim": 2816,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    },
    # stabilityai/stable-diffusion-xl-refiner-1.0
    "sdxl_refiner": {
        "sample_size": 128, "block_out_channels": [384, 768, 1536, 1536], "cross_attention_dim": 1280,
        "attention_head_dim": [6, 12, 24, 24], "transformer_layers_per_block": 4, **_LINEAR, **_TIMED,
        "projection_class_embeddings_input_dim": 2560,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    },
}  # fmt: skip
# From the `vae/config.json` of the same.
_SD_VAE = {
    "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
_XL_VAE = {**_SD_VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True}
VAES = {
    "stable_diffusion": {**_SD_VAE, "sample_size": 512},
    "sd2": {**_SD_VAE, "sample_size": 768},
    "sdxl": _XL_VAE,
    "sdxl_refiner": _XL_VAE,
}
# From the `text_encoder*/config.json` of the same.
_CLIP_L = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "hidden_act": "quick_gelu", "projection_dim": 768,
}  # fmt: skip
_OPEN_CLIP_H = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16,
    "hidden_act": "gelu", "projection_dim": 512,
}  # fmt: skip
_OPEN_CLIP_G = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
    "hidden_act": "gelu", "projection_dim": 1280,
}  # fmt: skip
TEXTS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "stable_diffusion": [(CLIPTextModel, _CLIP_L)],
    "sd2": [(CLIPTextModel, _OPEN_CLIP_H)],
    "sdxl": [(CLIPTextModel, _CLIP_L), (CLIPTextModelWithProjection, _OPEN_CLIP_G)],
    "sdxl_refiner": [(CLIPTextModelWithProjection, _OPEN_CLIP_G)],
}
PARAMETERS = {"stable_diffusion": 859_520_964, "sd2": 865_910_724, "sdxl": 2_567_463_684, "sdxl_refiner": 2_259_526_660}
_BOOKKEEPING = {"_use_default_values", "_class_name", "_diffusers_version", "_name_or_path"}


def settings_of(module: Any) -> dict[str, Any]:
    config = module.config if isinstance(module.config, dict) else module.config.to_dict()
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in config.items()}
    return {name: value for name, value in listed.items() if name not in _BOOKKEEPING}


class InMemory:
    """Weights that lie in no file."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.metadata: dict[str, str] = {}
        self.names, self.read = tensors.keys(), tensors.__getitem__

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.read(name).shape)

    def stored(self, name: str) -> torch.dtype:
        return self.read(name).dtype


@pytest.mark.parametrize("family", list(UNETS))
def test_full_size_shapes_give_the_published_settings(family: str) -> None:
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**UNETS[family]), AutoencoderKL(**VAES[family])
        encoders = [made(CLIPTextConfig(**config)) for made, config in TEXTS[family]]
        weights = InMemory(ldm_from_diffusers(unet, vae, encoders))
    check_family(family, weights.names)
    for other in set(UNETS) - {family}:
        with pytest.raises(UnusableModel, match="not those of one known family"):
            check_family(other, weights.names)
    config = family_config(family)
    text = [text_network(weights, encoder) for encoder in config.text_encoders]
    pooled = text[-1].module.config.projection_dim if family.startswith("sdxl") else 0
    facts = facts_of(family)
    resolution = facts.side(facts.predicts.usual)
    found = unet_network(weights, config, pooled=pooled, resolution=resolution)
    assert settings_of(found.module) == settings_of(unet)
    assert sum(parameter.numel() for parameter in found.module.parameters()) == PARAMETERS[family]
    own_vae = vae_network(weights, config)
    assert own_vae is not None
    assert settings_of(own_vae.module) == settings_of(vae)
    for network, expected in zip(text, encoders, strict=True):
        assert type(network.module).__name__.lower() == type(expected).__name__.lower()
        assert network.module.config == clip_config(expected.config.to_dict())
