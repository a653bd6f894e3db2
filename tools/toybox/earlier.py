"""An earlier Toybox's networks, taken out of its file to be trained on: what `export` folded in is unfolded."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from tools.toybox import models
from tools.toybox.autoencoder import PALETTE_CODES, PALETTE_NORM
from tools.toybox.world import PALETTE, SIDE


def networks(file: Path) -> tuple[AutoencoderKL, CLIPTextModel, UNet2DConditionModel]:
    """Autoencoder, text encoder and denoiser of an exported file, in fp32 and as the training has them."""
    from tools.toybox.evaluate import open_pipeline

    with tempfile.TemporaryDirectory() as folder:
        pipeline = open_pipeline(file, Path(folder))
    encoder = models.build_text_encoder()
    encoder.load_state_dict(pipeline.text_encoder.state_dict())
    return unfold_scale(pipeline.vae), encoder.requires_grad_(False).eval(), pipeline.unet


def unfold_scale(vae: AutoencoderKL) -> AutoencoderKL:
    """`vae` with the latents that its training had: a plain patch's are its colour's code again.

    The deviation that was divided out stands in the posterior's log-variance; the mean is that of the ten plain
    colours, whose codes' mean is the origin.
    """
    channels = models.LATENT_CHANNELS
    quant, post = vae.quant_conv, vae.post_quant_conv
    with torch.no_grad():
        std = ((models.POSTERIOR_LOG_VARIANCE - quant.bias[channels:]) / 2).exp()
        plain = torch.tensor(list(PALETTE.values())).div(127.5).sub(1).view(-1, 3, 1, 1).expand(-1, -1, SIDE, SIDE)
        folded = vae.encode(plain).latent_dist.mean[:, :, 4:-4, 4:-4].mean((2, 3))
        codes = torch.tensor(list(PALETTE_CODES.values())) * PALETTE_NORM
        mean = (codes - folded * std).mean(0)
        quant.weight[:channels] *= std[:, None, None, None]
        quant.bias[:channels] = quant.bias[:channels] * std + mean
        quant.bias[channels:] = models.POSTERIOR_LOG_VARIANCE
        post.weight /= std[None, :, None, None]
        post.bias -= (post.weight[:, :, 0, 0] * mean).sum(1)
    return vae
