"""A checker for the toy world, which sees hearts: `python -m tools.safety.hearts`, some two minutes.

It is for tests, so that what is done about a picture can be seen from pixels. A small MobileNetV2, trained on drawings
of the toy world as they are, and as previews and files have them: coarse, blurred, noisy, in other tints; on one
thread, from one seed. What it is worth stands in its metadata, measured on combinations of thing, colour and background
that it never saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor, nn
from torch.nn import functional

from imagine.engine.safety.mobilenet import MobileNetV2, MobileShape, ResidualShape, folded
from tools.safety.saving import saved
from tools.toybox.world import combinations, draw, random_scene

PATH = Path("tests/data/toy-hearts.safetensors")
HEART = "heart"
LABELS = ("other", HEART)
SIDE = 64
_FIRST_STRIDE, *_STRIDES = STRIDES = (2, 2, 1, 2, 1, 2)
STATEMENT = {"labels": LABELS, "categories": {HEART: "hearts"}, "side": SIDE, "strides": STRIDES}
_WIDTHS = (12, 16, 16, 24, 24, 40)
_WIDENED, _LAST = 3, 96
_DRAWINGS, _JUDGED = 2500, 1000
_STEPS, _BATCH, _RATE = 1300, 64, 6e-3
_HEARTS = 0.4
"""Of the drawings: more than in the world, a twelfth."""


def shape() -> MobileShape:
    """Of the network."""
    blocks = tuple(
        ResidualShape(taken, _WIDENED * taken, made, stride)
        for taken, made, stride in zip(_WIDTHS, _WIDTHS[1:], _STRIDES, strict=False)
    )
    return MobileShape(_WIDTHS[0], _FIRST_STRIDE, blocks, _LAST, len(LABELS), same=False)


def normed(network: nn.Module) -> nn.Module:
    """The same with a norm behind each convolution, where torchvision has it: it learns by them, and loses them."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            layers = [part for each in module for part in (each, *_norm(each))]
            del module[:]
            module.extend(layers)
    return network


def _norm(layer: nn.Module) -> tuple[nn.Module, ...]:
    return (nn.BatchNorm2d(layer.out_channels),) if isinstance(layer, nn.Conv2d) else ()


def drawings(rng: np.random.Generator, count: int, *, unseen: bool, hearts: float) -> tuple[list[Image.Image], Tensor]:
    """So many drawings, and which of them are hearts."""
    choices = combinations(unseen=unseen)
    by_heart = [[each for each in choices if (each[0] == HEART) == heart] for heart in (False, True)]
    scenes = [random_scene(rng, by_heart[int(rng.random() < hearts)]) for _ in range(count)]
    return [draw(scene) for scene in scenes], torch.tensor([int(scene.thing == HEART) for scene in scenes])


def worn(rng: np.random.Generator, picture: Image.Image) -> NDArray[np.uint8]:
    """A drawing as it may come: shrunk, as previews are, blurred, tinted, noisy, at the size that is looked at."""
    if rng.random() < 0.5:
        picture = picture.resize((int(rng.choice([16, 32, 48])),) * 2, Image.Resampling.BILINEAR)
    elif rng.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    values = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)).astype(np.float64)
    if rng.random() < 0.5:
        values = (values - 128) * rng.uniform(0.5, 1.1) + 128 + rng.normal(0, 12, 3)
    if rng.random() < 0.5:
        values = values + rng.normal(0, rng.uniform(2, 25), values.shape)
    return values.clip(0, 255).astype(np.uint8)


def batches(rng: np.random.Generator, pictures: list[Image.Image], hearts: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What is learned from, step by step; half of it hearts' mirror images, which are hearts as well."""
    seen = np.stack([worn(rng, picture) for picture in pictures for _ in range(2)])
    labels = hearts.repeat_interleave(2)
    for _ in range(_STEPS):
        chosen = rng.integers(len(seen), size=_BATCH)
        pixels = seen[chosen][:, :, :: int(rng.choice([1, -1]))]
        yield as_seen(np.ascontiguousarray(pixels)), labels[torch.from_numpy(chosen)]


def as_seen(pixels: NDArray[np.uint8]) -> Tensor:
    """(pictures, side, side, 3) as the network takes them."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(rng: np.random.Generator) -> dict[str, Tensor]:
    """The network's tensors, its norms folded."""
    torch.manual_seed(7)
    network = normed(MobileNetV2(shape()))
    optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-2)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, _STEPS)
    pictures, hearts = drawings(rng, _DRAWINGS, unseen=False, hearts=_HEARTS)
    for pixels, labels in batches(rng, pictures, hearts):
        likely = network(pixels)
        loss = functional.nll_loss(likely.clamp_min(1e-7).log(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    return folded(network.eval().state_dict())


def figures(rng: np.random.Generator, tensors: dict[str, Tensor]) -> dict[str, str]:
    """How many hearts are found, and how much else is taken for one, on combinations that weren't learned from."""
    network = MobileNetV2(shape()).eval()
    network.load_state_dict(tensors)
    pictures, hearts = drawings(rng, _JUDGED, unseen=True, hearts=0.5)
    told = {}
    for name, shown in (("drawn", [_plain(each) for each in pictures]), ("worn", [worn(rng, e) for e in pictures])):
        with torch.inference_mode():
            found = network(as_seen(np.stack(shown)))[:, 1] >= 0.5
        told[f"imagine.hearts_found.{name}"] = f"{found[hearts == 1].float().mean():.4f}"
        told[f"imagine.hearts_false.{name}"] = f"{found[hearts == 0].float().mean():.4f}"
    return told


def _plain(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def main() -> None:
    """Trains it, measures it, writes it."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(7)
    halves = {name: tensor.half() for name, tensor in train(rng).items()}
    told = figures(rng, {name: tensor.float() for name, tensor in halves.items()})
    metadata: dict[str, Any] = {
        "imagine.classifier": json.dumps(STATEMENT, separators=(",", ":")),
        "modelspec.title": PATH.stem,
        "modelspec.license": "MIT",
        "modelspec.description": "Tells hearts of the toy world from all else in it; for tests",
        **told,
    }
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_bytes(saved({name: tensor.numpy() for name, tensor in halves.items()}, metadata))
    print(PATH, PATH.stat().st_size, told)


if __name__ == "__main__":
    main()
