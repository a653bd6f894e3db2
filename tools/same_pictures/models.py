"""The folder of tiny models that a set is drawn with, beside the shipped one: made once, for both trees alike."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

_DONE = "complete"


def models_at(folder: Path) -> Path:
    """`folder`, with every model in it; what was made before stays as it is, so that both trees see the same files."""
    if not (folder / _DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write(folder)
        (folder / _DONE).touch()
    return folder


def _write(folder: Path) -> None:
    # Only here, since it takes torch, and a folder that is there needs none of it.
    import torch

    from tests.checkpoints import tiny_modules, write_checkpoint, write_folder, write_vae, write_whole_folder

    def checkpoint(name: str, family: str = "stable_diffusion", *, seed: int = 0, **options: Any) -> None:
        modules = tiny_modules(family, in_channels=options.pop("in_channels", 4), seed=seed)
        write_checkpoint(folder / f"{name}.safetensors", modules, **options)

    checkpoint("sd1")
    checkpoint("sd1-half", seed=1, dtype=torch.float16)
    checkpoint("sd1-float8", seed=2, dtype=torch.float8_e4m3fn)
    checkpoint("sd1-ema", seed=3, ema="only")
    checkpoint("sd1-lightning-4step", seed=4)
    checkpoint("sd1-own", seed=5, metadata={"imagine.guidance": "3", "imagine.num_steps": "5"})
    checkpoint("zero-snr", seed=6, extra={"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)})
    checkpoint("inpainting", seed=7, in_channels=9)
    checkpoint("sd2-v", "sd2", seed=8, metadata={"modelspec.prediction_type": "v"})
    checkpoint("sd2-epsilon", "sd2", seed=8)
    (folder / "sd2-epsilon.yaml").write_text("prediction_type: epsilon\n")
    checkpoint("sdxl", "sdxl")
    checkpoint("refiner", "sdxl_refiner", seed=9)
    checkpoint("without-vae", seed=10, vae=False)
    write_vae(folder / "without-vae.vae.safetensors", tiny_modules(seed=10), layout="bare")
    write_vae(folder / "other-vae.safetensors", tiny_modules(seed=11), layout="ldm")
    write_vae(folder / "plain-vae.safetensors", tiny_modules(seed=12), layout="diffusers")
    write_folder(folder / "sd1-folder", tiny_modules(seed=13))
    write_folder(folder / "sdxl-folder", tiny_modules("sdxl", seed=14))
    write_whole_folder(folder / "whole")
