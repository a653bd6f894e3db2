"""Trains the flow-matching model from nothing: `python -m tools.toybox.flow.train`, or on from a file that it wrote:
`… --from FILE`.

Stops at any moment and goes on where it was. Every stage's numbers stand here, in the order in which they run; the
autoencoder begins with the layers of Toybox's. After every `--export-every` steps, and at the end, what the denoiser's
average is by then is written as a file that a user could draw with, and that another machine can go on from.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from imagine.engine.parts.t5 import T5Encoder
from tools.toybox import earlier, evaluate
from tools.toybox.flow import models
from tools.toybox.flow.autoencoder import WideAutoencoderStage, fold_scale, widened
from tools.toybox.flow.denoiser import FlowStage, make_pools
from tools.toybox.flow.export import FlowNetworks, export, opened
from tools.toybox.flow.hearing import HearingStage, Listener
from tools.toybox.flow.scenes import Shape
from tools.toybox.training import run

SEED = 2026
POOLS: dict[Shape, int] = {"square": 6144, "wide": 1024, "tall": 1024}
"""How many pictures of each shape the denoiser sees."""
STEPS = 8_000
BATCH = 32
RATE = 2e-3


def train_text_encoder(folder: Path) -> T5Encoder:
    torch.manual_seed(SEED)
    stage = HearingStage(models.build_text_encoder(), seed=SEED, steps=3400, batch=96, rate=2e-3)
    run(stage, folder, sample_every=500)
    return stage.finish()


def train_autoencoder(folder: Path) -> AutoencoderKL:
    """Crops from around things first, whole pictures then; its latents' scale goes into its layers, and the decoder
    is taught again behind that."""
    torch.manual_seed(SEED)
    toybox, _, _ = earlier.networks(evaluate.MODEL)
    crops = WideAutoencoderStage("vae-crops", widened(toybox), seed=SEED, steps=360, batch=8, rate=8e-4, crop=64)
    run(crops, folder, sample_every=120)
    whole = WideAutoencoderStage("vae-whole", crops.finish(), seed=SEED, steps=90, batch=4, rate=4e-4)
    run(whole, folder, sample_every=90)
    folded = fold_scale(whole.finish(), seed=SEED)
    last = WideAutoencoderStage("vae-last", folded, seed=SEED, steps=60, batch=4, rate=3e-4, decoder_only=True)
    run(last, folder, sample_every=60)
    return last.finish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".toybox/flow"), help="where checkpoints and grids go")
    parser.add_argument("--from", type=Path, dest="earlier", help="a file that this wrote, to go on from")
    parser.add_argument("--output", type=Path, default=Path("models.example/toybox-flow.safetensors"))
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="for the file's metadata")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; another number gives other losses")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the denoiser")
    parser.add_argument("--export-every", type=int, default=500, help="steps of the denoiser")
    options = parser.parse_args()
    folder: Path = options.work
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    if options.earlier:
        denoiser, encoder, vae = opened(options.earlier)
    else:
        encoder, vae = train_text_encoder(folder), train_autoencoder(folder)
        torch.manual_seed(SEED)
        denoiser = models.build_denoiser()
    vae = vae.requires_grad_(False).eval()
    pools = make_pools(vae, POOLS, SEED, folder)
    stage = FlowStage(
        "flow", denoiser, Listener(encoder), vae, pools, seed=SEED, steps=options.steps, batch=BATCH, rate=RATE,
        decay=0.4, threads=options.threads,
        keeps=lambda made: export(options.output, FlowNetworks(made, encoder, vae), date=options.date),
    )  # fmt: skip
    run(stage, folder, sample_every=options.export_every)
    stage.finish()
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
