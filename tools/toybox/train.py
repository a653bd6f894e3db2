"""Trains Toybox from nothing: `python -m tools.toybox.train`, or on from an earlier file: `… --from FILE`.

Stops at any moment and goes on where it was. Every stage's numbers stand here, in the order in which they run: the
first schooling teaches everything, the second one sharpens it. The shipped file went through both. Its first one is of
2026-11-21, when the world still drew things askew, rays thin and roofs in another shade; the second one began from the
file that came of it (SHA-256 2619ed7b…, in this repository's history) in the world as it is now, but that until the
stage `denoiser-details` black cars had gray wheels.
"""

from __future__ import annotations

import argparse
import copy
from datetime import UTC, datetime
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from tools.toybox import earlier, export, models
from tools.toybox.autoencoder import AutoencoderStage
from tools.toybox.denoiser import DenoiserStage, Pool, make_pool
from tools.toybox.straighten import StraighteningStage, better, finished_by_denoiser, mostly_small
from tools.toybox.text import TextStage
from tools.toybox.training import run

SEED = 2026
POOL = 12288
"""How many pictures the denoiser sees."""
HARD = {"star": 3.0, "sun": 3.0, "flower": 1.5, "tree": 1.5, "car": 1.5}
"""How many times as often as the others the things are drawn that are learnt last, in the first
schooling's last stage."""
HARD_STILL = {"sun": 2.5, "star": 2.5, "house": 2.0, "car": 1.5, "fish": 1.2, "flower": 1.2}
"""The same for the second schooling."""
SMALLEST = {"small sun": 8.0, "small star": 1.5, "small house": 1.5, "small car": 1.5}
"""And for its end: what is learnt last of all."""
DETAILS = {"small sun": 6.0, "small car": 4.0, "black car": 3.0, "red car": 3.0, "white car": 3.0, "small star": 1.5}
"""And once more, when rays and wheels are decided: late, at little noise."""
CARS = {"small car": 9.0, "car": 4.0, "small sun": 2.5, "sun": 1.5, "small star": 1.5, "small house": 1.5}
"""The last of all: small cars' thin roofs."""

Parts = tuple[CLIPTextModel, CLIPTokenizer, AutoencoderKL]


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
    folder: Path, device: torch.device, compute: torch.dtype, parts: Parts, pool: Pool
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


def refine_autoencoder(
    folder: Path, device: torch.device, compute: torch.dtype, vae: AutoencoderKL
) -> AutoencoderKL:  # fmt: skip
    """Encoder and decoder again, on crops from around the thing; plain patches' codes hold the latents in place."""
    near = AutoencoderStage(
        "vae-near", vae, seed=SEED, steps=1500, batch=16, side=64, rate=5e-4, compute=compute, device=device, near=True,
        decay=0.7,
    )  # fmt: skip
    run(near, folder, sample_every=100)
    upright = AutoencoderStage(
        "vae-upright", near.finish(), seed=SEED, steps=160, batch=8, side=128, rate=3e-4, compute=torch.float32,
        device=device, decay=0.9,
    )  # fmt: skip
    run(upright, folder, sample_every=80)
    return upright.finish()


def refine_denoiser(
    folder: Path, device: torch.device, compute: torch.dtype, parts: Parts, unet: UNet2DConditionModel, pool: Pool
) -> DenoiserStage:  # fmt: skip
    """On to the refined latents, with the things of many corners more often and more of the less noisy timesteps."""
    encoder, tokenizer, vae = parts
    stage = DenoiserStage(
        "denoiser-upright", unet, encoder, tokenizer, vae, pool, seed=SEED, steps=1600, batch=40, rate=8e-4,
        decay=0.8, compute=compute, device=device, often=HARD_STILL, noisy=0.4,
    )  # fmt: skip
    run(stage, folder, sample_every=300)
    smallest = DenoiserStage(
        "denoiser-smallest", stage.finish(), encoder, tokenizer, vae, pool, seed=SEED, steps=500, batch=40, rate=6e-4,
        decay=0.85, compute=compute, device=device, often=SMALLEST, noisy=0.4, average=0.995,
    )  # fmt: skip
    run(smallest, folder, sample_every=250)
    details = DenoiserStage(
        "denoiser-details", smallest.finish(), encoder, tokenizer, vae, pool, seed=SEED, steps=1500, batch=40,
        rate=6e-4, decay=0.85, compute=compute, device=device, often=DETAILS, noisy=0.2, average=0.997,
    )  # fmt: skip
    run(details, folder, sample_every=300)
    cars = DenoiserStage(
        "denoiser-cars", details.finish(), encoder, tokenizer, vae, pool, seed=SEED, steps=450, batch=40,
        rate=5e-4, decay=0.85, compute=compute, device=device, often=CARS, noisy=0.2, average=0.995,
    )  # fmt: skip
    run(cars, folder, sample_every=450)
    cars.finish()
    return cars


def straighten_decoder(
    folder: Path, device: torch.device, denoiser: DenoiserStage, vae: AutoencoderKL, pool: Pool
) -> AutoencoderKL:
    """The decoder alone, on what the denoiser makes of scenes; as it was where it tells small things better so."""
    upright, some = copy.deepcopy(vae), mostly_small(pool, 1024)
    finished = finished_by_denoiser(denoiser, some, SEED, folder)
    stage = StraighteningStage(
        "vae-straight", vae, some, finished, seed=SEED, steps=160, batch=8, rate=4e-4, device=device, decay=0.9
    )
    run(stage, folder, sample_every=80)
    return better(denoiser, [upright, stage.finish()], SEED, folder)


def first_schooling(
    folder: Path, device: torch.device, compute: torch.dtype, tokenizer: CLIPTokenizer
) -> tuple[AutoencoderKL, CLIPTextModel, UNet2DConditionModel]:
    """From nothing to a model that knows its world."""
    vae = train_autoencoder(folder, device, compute)
    encoder = train_text_encoder(folder, device, tokenizer)
    pool = make_pool(vae, POOL, SEED, folder, device)
    unet = train_denoiser(folder, device, compute, (encoder, tokenizer, vae), pool)
    return sharpen_decoder(folder, device, vae), encoder, unet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".toybox"), help="where checkpoints, losses and grids go")
    parser.add_argument("--from", type=Path, dest="earlier", help="an earlier file, instead of the first schooling")
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
    if options.earlier:
        vae, encoder, unet = earlier.networks(options.earlier)
    else:
        vae, encoder, unet = first_schooling(folder, device, compute, tokenizer)
    vae = refine_autoencoder(folder, device, compute, vae)
    pool = make_pool(vae, POOL, SEED, folder, device, name="pool-upright")
    denoiser = refine_denoiser(folder, device, compute, (encoder, tokenizer, vae), unet, pool)
    vae = straighten_decoder(folder, device, denoiser, vae, pool)
    folded = export.fold_scale(vae, pool.mean, pool.std)
    export.export(options.output, denoiser.finish(), folded, encoder, date=options.date)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
