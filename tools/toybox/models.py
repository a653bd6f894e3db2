"""The three networks of Toybox: Stable Diffusion 1.x in topology, narrower in every width.

What shapes cannot tell (attention heads, group-norm groups, prediction type) is declared here once; the exporter writes
it into the file's metadata.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

VOCABULARY = 49408
TOKENS = 77
END_OF_TEXT = 49407

LATENT_CHANNELS = 4
DOWNSCALE = 8
GUIDANCE = 2.5
"""What the file names as its own: every sampler obeys at it, and a redrawn picture keeps what it should."""

TEXT_CONFIG: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "max_position_embeddings": TOKENS,
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "projection_dim": 64,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "bos_token_id": 49406,
    "eos_token_id": END_OF_TEXT,
    "pad_token_id": END_OF_TEXT,
}

UNET_CONFIG: dict[str, Any] = {
    "sample_size": 16,
    "in_channels": LATENT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "block_out_channels": [64, 96, 128, 112],
    "layers_per_block": 2,
    "cross_attention_dim": 64,
    "attention_head_dim": 2,
    "norm_num_groups": 16,
}

VAE_CONFIG: dict[str, Any] = {
    "sample_size": 128,
    "block_out_channels": [32, 48, 64, 64],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": LATENT_CHANNELS,
    "norm_num_groups": 8,
    "scaling_factor": 0.18215,
}

NOISE_CONFIG: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}

POSTERIOR_LOG_VARIANCE = -5.0
"""Of the VAE's posterior, fixed in training: a little noise on every latent keeps the space smooth."""


def build_text_encoder() -> CLIPTextModel:
    # Eager attention trains three times faster than the fused one at heads of 16 dimensions on a CPU (measured).
    model = CLIPTextModel._from_config(CLIPTextConfig(**TEXT_CONFIG), attn_implementation="eager")
    with torch.no_grad():
        # An untaught word is neutral: the training raises only the rows of the words it uses.
        model.get_input_embeddings().weight.zero_()
    return model


def build_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(**UNET_CONFIG)


def build_vae() -> AutoencoderKL:
    return AutoencoderKL(**VAE_CONFIG)


def alphas_cumprod() -> torch.Tensor:
    """ᾱ_t of the training's noise, shape (1000,), float32. Source: the `scaled_linear` betas of Stable Diffusion 1."""
    n = NOISE_CONFIG
    betas = torch.linspace(n["beta_start"] ** 0.5, n["beta_end"] ** 0.5, n["num_train_timesteps"]) ** 2
    return torch.cumprod(1 - betas, 0)
