"""Its three networks: Chroma's topology, narrower in every width, and what each is told and trained with.

The text encoder is the engine's own T5, the denoiser is called by the engine's own function: what is trained here is
what a user's picture is drawn with. Every size but the VAE's groups is told by the tensors' shapes.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, ChromaTransformer2DModel
from torch import nn

from imagine.engine.families.chroma import KIND
from imagine.engine.parts.t5 import T5Config, T5Encoder

WIDTH = 128
"""Of the text encoder, and so of what the denoiser is told."""
LATENT_CHANNELS = 16
SCALE, SHIFT = 0.3611, 0.1159
"""Latents are what the encoder says, less the shift, times the scale: Flux's numbers, which its family takes."""
GUIDANCE = 4.0
STEPS = 20
EDGE = 128
"""Pictures are as wide and high as this, or one side is half as long again."""

TEXT = T5Config(d_model=WIDTH, d_ff=256, num_layers=3, num_heads=4, d_kv=32)

DENOISER: dict[str, Any] = {
    "in_channels": 4 * LATENT_CHANNELS,
    "num_layers": 2,
    "num_single_layers": 5,
    "attention_head_dim": 32,
    "num_attention_heads": 6,
    "joint_attention_dim": WIDTH,
    "axes_dims_rope": (4, 14, 14),
    "approximator_num_channels": 64,
    "approximator_hidden_dim": 192,
    "approximator_layers": 2,
}

VAE: dict[str, Any] = {
    "sample_size": EDGE,
    "block_out_channels": [32, 48, 64, 64],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": LATENT_CHANNELS,
    "norm_num_groups": 8,
    "scaling_factor": SCALE,
    "shift_factor": SHIFT,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}


def build_text_encoder() -> T5Encoder:
    """An untaught word is neutral: its row of the table is zero, and training raises only those of the words it uses.

    The others are drawn as T5's are (transformers' `T5PreTrainedModel._init_weights`, Apache-2.0).
    """
    made = T5Encoder(TEXT)
    for name, weights in made.named_parameters():
        if "norm" in name:
            nn.init.ones_(weights)
        elif "relative_attention_bias" in name:
            nn.init.normal_(weights, std=TEXT.d_model**-0.5)
        elif name == "shared.weight":
            nn.init.zeros_(weights)
        else:
            query = (TEXT.d_kv if ".q." in name else 1) ** -0.5
            nn.init.normal_(weights, std=query * weights.shape[1] ** -0.5)
    return made


def build_denoiser() -> ChromaTransformer2DModel:
    """Ready to be called by the family's own function. It begins as one that adds nothing to what it is given, and
    answers zero (arXiv:2212.09748, 3.2)."""
    made = ChromaTransformer2DModel(**DENOISER)
    for linear in (m for m in made.modules() if isinstance(m, nn.Linear)):
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
    for last in (made.distilled_guidance_layer.out_proj, made.proj_out):
        nn.init.zeros_(last.weight)
    return prepared(made)


def prepared(denoiser: ChromaTransformer2DModel) -> ChromaTransformer2DModel:
    """As the family prepares one that it has loaded."""
    assert KIND.prepare is not None
    KIND.prepare(denoiser)
    return denoiser


def build_vae() -> AutoencoderKL:
    return AutoencoderKL(**VAE)


def scaled(encoded: torch.Tensor) -> torch.Tensor:
    """What an encoder says as latents of deviation 1, about."""
    return (encoded - SHIFT) * SCALE


def unscaled(latents: torch.Tensor) -> torch.Tensor:
    """Latents as a decoder takes them."""
    return latents / SCALE + SHIFT
