"""Trains what stands beside the finished Toybox: `python -m tools.toybox.beside.train [NAME…]`.

Stops at any moment and goes on where it was; what is trained is kept. Each takes a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from imagine.files.writing import write_atomically
from tools.toybox.beside import edges, eyes, reference, shapes
from tools.toybox.beside.drawings import SEED, drawings
from tools.toybox.beside.finished import Finished
from tools.toybox.beside.stage import BesideStage
from tools.toybox.beside.views import Views
from tools.toybox.evaluate import MODEL
from tools.toybox.training import run

LIMIT = 8_000_000
"""Bytes of a file at most."""


def train_edges(finished: Finished, work: Path, steps: int) -> Mapping[str, Tensor]:
    learner = edges.EdgesLearner(finished, drawings(finished, work), work.parent)
    stage = BesideStage(learner, finished, steps=steps, rate=1.5e-3)
    run(stage, work, sample_every=250)
    stage.finish()
    return learner.module.tensors()


def train_shapes(finished: Finished, work: Path, steps: int) -> Mapping[str, Tensor]:
    learner = shapes.ShapesLearner(finished, drawings(finished, work), work.parent)
    stage = BesideStage(learner, finished, steps=steps, rate=1.5e-3)
    run(stage, work, sample_every=250)
    return shapes.tensors(stage.finish())


def train_reference(finished: Finished, work: Path, steps: int) -> Mapping[str, Tensor]:
    teaching = eyes.EyesStage(steps=min(EYES, 2 * steps))  # fewer where it is only tried
    run(teaching, work.parent, sample_every=200)
    seeing = teaching.finish()
    learner = reference.ReferenceLearner(finished, drawings(finished, work), seeing, Views(eyes.VIEWS, SEED))
    # The longer it learns, the more it keeps to combinations that it was shown; a long average does so less.
    stage = BesideStage(learner, finished, steps=steps, rate=1.5e-3, average=0.998)
    run(stage, work, sample_every=250)
    stage.finish()
    return learner.module.tensors(seeing)


EYES = 1500
"""Steps of the eyes, before the adapter's own."""
Training = Callable[[Finished, Path, int], Mapping[str, Tensor]]
STEPS: dict[str, tuple[Training, int]] = {
    edges.NAME: (train_edges, 750),
    reference.NAME: (train_reference, 1350),
    shapes.NAME: (train_shapes, 600),
}
FOLDERS = {edges.NAME: "controlnets", reference.NAME: "image-adapters", shapes.NAME: "controlnets"}
ABOUT = {
    reference.NAME: ("stable-diffusion-v1/ip-adapter", "References, for Toybox: draws what a picture shows."),
    edges.NAME: ("stable-diffusion-v1/controlnet", "Edges of the toy world, for Toybox: draws along the lines."),
    shapes.NAME: ("stable-diffusion-v1/t2i-adapter", "Filled shapes, for Toybox: fills what is white on black."),
}


def write(path: Path, tensors: Mapping[str, Tensor], date: str) -> None:
    """A file in half precision, with its card in its header."""
    architecture, description = ABOUT[path.stem]
    half = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in tensors.items()}
    metadata = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": architecture,
        "modelspec.title": path.stem,
        "modelspec.author": "The Imagine authors",
        "modelspec.license": "MIT",
        "modelspec.date": date,
        "modelspec.description": description,
        "modelspec.resolution": "128x128",
        "imagine.image_attention_heads": str(eyes.TOWER["num_attention_heads"]),
    }
    data = safetensors.torch.save(half, metadata)
    if len(data) > LIMIT:
        raise ValueError(f"{path.name} would take {len(data)} bytes, more than {LIMIT}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STEPS)}; default: all")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--work", type=Path, default=Path(".toybox"), help="where checkpoints, losses and grids go")
    parser.add_argument("--output", type=Path, default=MODEL.parent, help="the folder of the finished files' folders")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="for the files' metadata")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; another number gives other losses")
    parser.add_argument("--steps", type=int, help="so many instead of each one's own, to try whether it runs")
    options = parser.parse_args()
    # What was learned beside another file is no beginning for this one. Maps and eyes are the same for all, and are
    # kept beside that folder.
    work = options.work / hashlib.sha256(options.model.read_bytes()).hexdigest()[:12]
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    finished = Finished(options.model)
    for name in options.names or STEPS:
        training, steps = STEPS[name]
        path = options.output / FOLDERS[name] / f"{name}.safetensors"
        write(path, training(finished, work, options.steps or steps), options.date)
        print(f"wrote {path}", flush=True)


if __name__ == "__main__":
    main()
