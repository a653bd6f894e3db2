"""Trains Toybox from nothing: `python -m tools.toybox.train`.

Stops at any moment and goes on where it was. The stages and their budgets stand in `plan()`; the figures of the model
card come from these very numbers.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from tools.toybox import export, models
from tools.toybox.autoencoder import AutoencoderStage
from tools.toybox.denoiser import DenoiserStage, Pool, make_pool
from tools.toybox.text import TextStage
from tools.toybox.training import run

SEED = 2026
POOL = 12288
"""How many pictures the denoiser sees."""
HARD = {"star": 3.0, "sun": 3.0, "flower": 1.5, "tree": 1.5, "car": 1.5}
"""How many times as often as the others the things are drawn that are learnt last, in the denoiser's last stage."""


def train_autoencoder(folder: Path, device: torch.device, compute: torch.dtype) -> AutoencoderKL:
    """Encoder and decoder: crops in `compute` precision, then whole pictures in fp32."""
    torch.manual_seed(SEED)
    vae = models.build_vae()
    crops = AutoencoderStage(
        "vae-crops", vae, seed=SEED, steps=1200, batch=16, side=64, rate=1e-3, compute=compute, device=device, decay=0.3
    )
    run(crops, folder)
    whole = AutoencoderStage(
        "vae-whole", crops.finish(), seed=SEED, steps=200, batch=8, side=128, rate=4e-4, compute=torch.float32,
        device=device, decay=0.8,
    )  # fmt: skip
    run(whole, folder)
    return whole.finish()


def train_text_encoder(folder: Path, device: torch.device, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The words, by what they mention."""
    torch.manual_seed(SEED)
    stage = TextStage(models.build_text_encoder(), tokenizer, seed=SEED, steps=900, batch=64, rate=2e-3, device=device)
    run(stage, folder)
    return stage.finish().requires_grad_(False).eval()


def train_denoiser(
    folder: Path, device: torch.device, compute: torch.dtype, parts: tuple[CLIPTextModel, CLIPTokenizer, AutoencoderKL],
    pool: Pool,
) -> UNet2DConditionModel:  # fmt: skip
    """From noise and words to latents; then again at a lower rate, with the things of many corners more often."""
    torch.manual_seed(SEED)
    encoder, tokenizer, vae = parts
    stage = DenoiserStage(
        "denoiser", models.build_unet(), encoder, tokenizer, vae, pool, seed=SEED, steps=4400, batch=40, rate=1e-3,
        decay=0.35, compute=compute, device=device,
    )  # fmt: skip
    run(stage, folder, sample_every=500)
    corners = DenoiserStage(
        "denoiser-corners", stage.finish(), encoder, tokenizer, vae, pool, seed=SEED, steps=1500, batch=40, rate=7e-4,
        decay=0.7, compute=compute, device=device, often=HARD,
    )  # fmt: skip
    run(corners, folder, sample_every=500)
    return corners.finish()


def sharpen_decoder(folder: Path, device: torch.device, vae: AutoencoderKL) -> AutoencoderKL:
    """The decoder alone, on the latents that the denoiser knows: they stay as they are, their pictures get crisper."""
    stage = AutoencoderStage(
        "vae-decoder", vae, seed=SEED, steps=150, batch=8, side=128, rate=6e-4, compute=torch.float32, device=device,
        decoder_only=True, decay=0.9,
    )  # fmt: skip
    run(stage, folder)
    return stage.finish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".toybox"), help="where checkpoints, losses and grids go")
    parser.add_argument("--output", type=Path, default=Path("models.example/toybox.safetensors"))
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="for the file's metadata")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; another number gives other losses")
    options = parser.parse_args()
    folder = options.work
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("medium")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    compute = torch.bfloat16
    tokenizer = CLIPTokenizer(
        str(export.TOKENIZER / "vocab.json"), str(export.TOKENIZER / "merges.txt"), model_max_length=models.TOKENS
    )
    vae = train_autoencoder(folder, device, compute)
    encoder = train_text_encoder(folder, device, tokenizer)
    pool = make_pool(vae, POOL, SEED, folder, device)
    unet = train_denoiser(folder, device, compute, (encoder, tokenizer, vae), pool)
    vae = sharpen_decoder(folder, device, vae)
    folded = export.fold_scale(vae, pool.mean, pool.std)
    export.export(options.output, unet, folded, encoder, date=options.date)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
