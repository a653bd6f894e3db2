"""Measures a finished Toybox with plain diffusers and the judge: `python -m tools.toybox.evaluate`.

Writes the figures that the model card shows. Everything is seeded; only the seconds differ between runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from PIL import Image
from tqdm import tqdm

from imagine.training.loop import random_numbers
from tools.toybox import export
from tools.toybox.denoiser import MENTIONED, test_prompts
from tools.toybox.judge import judge
from tools.toybox.models import GUIDANCE
from tools.toybox.training import to_tensor
from tools.toybox.world import COLOURS, SIDE, Scene, combinations, draw, place, random_scene

MODEL = Path("models.example/toybox.safetensors")
FIGURES = MODEL.with_suffix(".figures.json")
GRID = MODEL.with_suffix(".png")
SEED = 7
REDRAWING_GUIDANCE = (2.0, GUIDANCE, 7.0)
STEPS = 20
BATCH = 10


def open_pipeline(model: Path, folder: Path) -> StableDiffusionPipeline:
    """Plain diffusers on the file, offline, with DPM++ 2M; `folder` gets the configs it needs."""
    pipeline = StableDiffusionPipeline.from_single_file(
        str(model), config=str(export.config_folder(folder)), local_files_only=True, torch_dtype=torch.float32
    )
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def make(pipeline: Any, prompts: Sequence[str], *, first_seed: int = 0, **options: Any) -> list[Image.Image]:
    """One picture a prompt, the seeds counting up, in batches."""
    made: list[Image.Image] = []
    for i in tqdm(range(0, len(prompts), BATCH), unit="batch", leave=False):
        part = list(prompts[i : i + BATCH])
        here = {k: v[i : i + BATCH] if isinstance(v, list) else v for k, v in options.items()}
        generators = [torch.Generator().manual_seed(first_seed + i + j) for j in range(len(part))]
        arguments = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "generator": generators} | here
        if "image" not in arguments:
            arguments |= {"width": SIDE, "height": SIDE}
        made += pipeline(part, **arguments).images
    return made


def obedience(pipeline: Any, count: int = 300, guidance: float = GUIDANCE) -> dict[str, Any]:
    """How often each attribute of never-trained combinations is right, in both languages together and in each."""
    prompts = test_prompts(count, SEED)
    pictures = make(pipeline, [text for _, text in prompts], guidance_scale=guidance)
    agreed = [judge(p).agrees(scene) for p, (scene, _) in zip(pictures, prompts, strict=True)]
    things = [scene.thing for scene, _ in prompts]
    figures: dict[str, Any] = {name: mean(a[name] for a in agreed) for name in MENTIONED}
    figures["all"] = mean(all(a.values()) for a in agreed)
    for i, language in enumerate(("english", "russian")):
        figures[language] = {name: mean(a[name] for a in agreed[i::2]) for name in MENTIONED}
    figures["by_thing"] = {
        thing: mean(a["thing"] for a, t in zip(agreed, things, strict=True) if t == thing) for thing in set(things)
    }
    return figures


def fidelity(pipeline: Any, count: int = 120) -> float:
    """How near drawings of never-trained combinations come back from the autoencoder: mean PSNR in dB."""
    rng = random_numbers(SEED, "fidelity", 0)
    choices = combinations(unseen=True)
    drawings = to_tensor(draw(random_scene(rng, choices)) for _ in range(count))
    with torch.no_grad():
        made = torch.cat(
            [pipeline.vae.decode(pipeline.vae.encode(d).latent_dist.mode()).sample for d in drawings.split(8)]
        )
    errors = (made.clamp(-1, 1) - drawings).square().mean((1, 2, 3)) / 4
    return round(float((-10 * errors.log10()).mean()), 1)


def guidance_response(pipeline: Any, count: int = 60) -> dict[str, Any]:
    """How often all that a prompt asks for is there, by guidance scale; and by prompts in conflict with noise."""
    return {f"{scale:g}": obedience(pipeline, count, scale)["all"] for scale in (1.0, GUIDANCE, 4.0, 7.0, 12.0)}


def negative_response(pipeline: Any, count: int = 40) -> dict[str, Any]:
    """How often a colour, thing or background turns up when the prompt leaves it open, without and with it negated."""
    cases = {
        "red thing": ("a star", "red", lambda v: v.colour == "red"),
        "blue background": ("a white heart", "blue background", lambda v: v.background == "blue"),
        "yellow thing": ("a circle on a black background", "yellow", lambda v: v.colour == "yellow"),
        "left": ("a small red square on a white background", "on the left", lambda v: v.position == "left"),
    }
    return {name: _shares(pipeline, count, *case) for name, case in cases.items()}


def _shares(pipeline: Any, count: int, prompt: str, negated: str, shows: Callable[[Any], bool]) -> dict[str, float]:
    without = make(pipeline, [prompt] * count)
    against = make(pipeline, [prompt] * count, negative_prompt=[negated] * count)
    return {"without": mean(shows(judge(p)) for p in without), "negated": mean(shows(judge(p)) for p in against)}


def redrawing(
    pipeline: Any, guidance: float, count: int = 60, strengths: Sequence[float] = (0.3, 0.6, 0.7, 0.75)
) -> dict[str, Any]:
    """img2img: recolouring drawn pictures at several strengths; at 0.3 the source should stay."""
    rng = random_numbers(SEED, "redrawing", 0)
    choices = combinations(unseen=False)
    cases = [recolouring(rng, *choices[int(rng.integers(len(choices)))]) for _ in range(count)]
    img2img = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    img2img.set_progress_bar_config(disable=True)
    figures: dict[str, Any] = {}
    for strength in strengths:
        pictures = make(
            img2img, [text for _, _, text in cases], image=[draw(s) for s, _, _ in cases], strength=strength,
            guidance_scale=guidance,
        )  # fmt: skip
        verdicts = [judge(p) for p in pictures]
        pairs = list(zip(verdicts, cases, strict=True))
        figures[f"{strength:g}"] = {
            "new colour": mean(v.colour == colour for v, (_, colour, _) in pairs),
            "old colour": mean(v.colour == s.colour for v, (s, _, _) in pairs),
            "same position": mean(v.position == s.position for v, (s, _, _) in pairs),
            "same size": mean(v.size == s.size for v, (s, _, _) in pairs),
            "same thing": mean(v.thing == s.thing for v, (s, _, _) in pairs),
            "mean PSNR to the source": round(
                float(np.mean([_psnr(p, draw(s)) for p, (s, _, _) in zip(pictures, cases, strict=True)])), 1
            ),
        }
    return figures


def recolouring(rng: Any, thing: str, colour: str, background: str) -> tuple[Scene, str, str]:
    """A scene, another colour for its thing, and the prompt that asks for that."""
    scene = place(rng, thing, colour, background, "large", ("left", "centre", "right")[int(rng.integers(3))])
    others = [c for c in COLOURS if c not in (colour, background)]
    other = others[int(rng.integers(len(others)))]
    where = {"left": "on the left", "centre": "in the middle", "right": "on the right"}[scene.position]
    return scene, other, f"a large {other} {thing} {where} on a {background} background"


def seconds_per_picture(pipeline: Any, count: int = 7) -> dict[str, float]:
    """Wall time of single 20-step pictures, model loaded."""
    times = []
    for i in range(count):
        begun = time.perf_counter()
        make(pipeline, ["a red house on a blue background"], first_seed=i)
        times.append(time.perf_counter() - begun)
    return {"median": round(float(np.median(times[1:])), 3), "min": round(min(times), 3), "max": round(max(times), 3)}


def draw_grid(pipeline: Any, path: Path) -> None:
    """Twenty-four pictures of never-trained combinations, prompts as in the card, seeds 0 to 23."""
    pictures = make(pipeline, [text for _, text in test_prompts(24, SEED)])
    sheet = Image.new("RGB", (8 * (SIDE + 4) - 4, 3 * (SIDE + 4) - 4), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i % 8 * (SIDE + 4), i // 8 * (SIDE + 4)))
    sheet.save(path, optimize=True)


def mean(values: Any) -> float:
    """As figures are written down."""
    return round(float(np.mean(list(values))), 4)


def _psnr(a: Image.Image, b: Image.Image) -> float:
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return float(-10 * np.log10(np.mean(difference**2) / 255**2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--grid", type=Path, default=GRID)
    options = parser.parse_args()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = open_pipeline(options.model, Path(folder))
        figures = {
            "sha256": hashlib.sha256(options.model.read_bytes()).hexdigest(),
            "date": datetime.now(UTC).date().isoformat(),
            "obedience": obedience(pipeline),
            "fidelity": fidelity(pipeline),
            "guidance": guidance_response(pipeline),
            "negative": negative_response(pipeline),
            "redrawing": {f"{scale:g}": redrawing(pipeline, scale) for scale in REDRAWING_GUIDANCE},
            "seconds": seconds_per_picture(pipeline),
        }
        draw_grid(pipeline, options.grid)
    options.figures.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
