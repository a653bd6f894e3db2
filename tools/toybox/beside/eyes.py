"""Toybox's eyes: a CLIP image model in small, which learns to tell what a reference shows, wherever it stands in it.

Its embedding is what an image adapter is told. Linear heads read thing, colour and background off it, and off each
patch what lies in it and where: one label a picture teaches shapes far more slowly. The heads aren't kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from imagine.training.loop import random_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox.beside.drawings import SEED
from tools.toybox.beside.studies import CELLS, Studies, studies
from tools.toybox.beside.views import Shown, seen, view
from tools.toybox.training import Optimizer
from tools.toybox.world import BACKGROUNDS, COLOURS, THINGS, combinations

NAME = "toybox-eyes"
VIEWS = 10240
"""So many are kept in sight for the adapter's lessons."""
WIDTH = 64
"""Of the embedding."""
LOOK = 64
"""Pixels a side that the eyes are shown: shapes are clear at that, and patches a quarter of what they would be."""
PATCH = 8
TOWER: dict[str, Any] = {
    "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4,
    "image_size": LOOK, "patch_size": PATCH, "projection_dim": WIDTH, "hidden_act": "gelu",
}  # fmt: skip
_TOLD = {"thing": THINGS, "colour": COLOURS, "background": BACKGROUNDS}
_EASE = 0.3
"""In this part of the steps whole things go from the middle to anywhere; long views and cut ones come after it."""


def build_eyes() -> CLIPVisionModelWithProjection:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        # Eager attention trains faster than the fused one at such heads on a CPU.
        eyes = CLIPVisionModelWithProjection._from_config(CLIPVisionConfig(**TOWER), attn_implementation="eager")
        with torch.no_grad():
            _begin(eyes)
    return eyes


def _begin(eyes: CLIPVisionModelWithProjection) -> None:
    """As what learns fast: transformers' own beginnings are small, for large models and long training."""
    parts, width = eyes.vision_model.embeddings, TOWER["hidden_size"]
    nn.init.normal_(parts.patch_embedding.weight, std=1 / math.sqrt(3 * PATCH**2))
    # What says where a patch lies is heard beside what it shows from the beginning.
    parts.position_embedding.weight[1:] = _waves(LOOK // PATCH, width)
    for layer in eyes.vision_model.encoder.layers:
        attention, mlp = layer.self_attn, layer.mlp
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj, mlp.fc1, mlp.fc2):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        mlp.fc2.weight.mul_(0.5)
        _attend_to_the_alike(attention.q_proj.weight, attention.k_proj.weight)


def _attend_to_the_alike(queries: Tensor, keys: Tensor) -> None:
    """Each head begins by attending to patches that are alike, and so near (Trockman and Kolter 2023, arXiv:2305.09828:
    the product of queries and keys begins near the identity)."""
    width, heads = len(queries), TOWER["num_attention_heads"]
    for own in range(0, width, width // heads):
        product = 0.7 * torch.randn(width, width) / math.sqrt(width) + 0.7 * torch.eye(width)
        left, scale, right = torch.linalg.svd(product)
        rows = slice(own, own + width // heads)
        root = scale[: width // heads, None].sqrt()
        queries[rows], keys[rows] = root * left.T[: width // heads], root * right[: width // heads]


def _waves(side: int, width: int) -> Tensor:
    """Where each of side² patches lies, as sines and cosines (Vaswani et al. 2017), a half of the width an axis."""
    rates = 2 * torch.pi / side * 2 ** (torch.arange(width // 4) / (width // 4) * 3 - 2)
    angles = torch.arange(side)[:, None] * rates
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    return 0.5 * torch.cat([axis.repeat_interleave(side, 0), axis.repeat(side, 1)], 1)


class _Read(NamedTuple):
    told: list[Tensor]
    """Of thing, colour and background, off the embedding."""
    things: Tensor
    cells: Tensor
    """Of each patch."""


class _Reading(nn.Module):
    def __init__(self, eyes: CLIPVisionModelWithProjection) -> None:
        super().__init__()
        self.eyes = eyes
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            self.heads = nn.ModuleList(nn.Linear(WIDTH, len(values)) for values in _TOLD.values())
            self.things = nn.Linear(TOWER["hidden_size"], len(THINGS) + 1)
            self.cells = nn.Linear(TOWER["hidden_size"], CELLS**2)

    def forward(self, pixels: Tensor) -> _Read:
        made = self.eyes(pixels)
        patches = made.last_hidden_state[:, 1:]
        told = [head(made.image_embeds).float() for head in self.heads]
        return _Read(told, self.things(patches).float(), self.cells(patches).float())


class EyesStage:
    """Teaches them on fresh views at each step."""

    name = NAME

    def __init__(
        self, *, steps: int, batch: int = 96, rate: float = 1.5e-3, compute: torch.dtype = torch.bfloat16
    ) -> None:
        self.steps, self._batch, self._compute = steps, batch, compute
        self._model = _Reading(build_eyes())
        self._optimizer = Optimizer(self._model, rate, average=0.98, compute=compute, weight_decay=0.02)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(SEED, self.name, index)
        ease = max(0.0, 1 - index / (_EASE * self.steps))
        of = studies(rng, self._batch, side=LOOK, patch=PATCH, ease=ease)
        read = self._model(seen(of.pixels, LOOK).to(self._compute))
        losses = _losses(read, of)
        torch.stack(list(losses.values())).sum().backward()
        self._optimizer.step(warm_then_decay(index, self.steps, warm=80, decay=0.6))
        return {name: loss.item() for name, loss in losses.items()}

    @torch.no_grad()
    def sample(self, folder: Path, index: int) -> None:
        """How many of fresh views in colours that it never saw together it reads right, whole, long and cut."""
        rng, choices = random_numbers(SEED, "unseen views", 0), combinations(unseen=True)
        shown = [Shown(*choices[int(rng.integers(len(choices)))]) for _ in range(240)]
        pixels = np.stack([np.asarray(view(rng, each, die=i % 3 / 3 + 0.2)) for i, each in enumerate(shown)])
        truth = _labels(shown)
        with self._optimizer.averaged(self._compute):
            told = self._model(seen(pixels, LOOK)).told
        right = {
            name: [round((told[i].argmax(1) == truth[:, i])[kind::3].float().mean().item(), 3) for kind in range(3)]
            for i, name in enumerate(_TOLD)
        }
        with (folder / f"{self.name}.judged.txt").open("a") as file:
            file.write(f"{index} {right}\n")

    def finish(self) -> CLIPVisionModelWithProjection:
        self._optimizer.hold(torch.float32, average=True)
        eyes: CLIPVisionModelWithProjection = self._model.eyes.requires_grad_(False).eval()
        return eyes

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)


def _losses(read: _Read, of: Studies) -> dict[str, Tensor]:
    truth = torch.from_numpy(of.told)
    # Of half a thing it isn't to be too sure; colours come by themselves.
    thing, colour, background = (
        weight * functional.cross_entropy(guess, truth[:, i], label_smoothing=smoothing)
        for i, (guess, weight, smoothing) in enumerate(zip(read.told, (1, 0.3, 0.3), (0.05, 0, 0), strict=True))
    )
    things, cells = torch.from_numpy(of.things), torch.from_numpy(of.cells).float()
    # Most patches show no thing, which is soon learned.
    weights = torch.ones(len(THINGS) + 1)
    weights[-1] = 0.1
    return {
        "thing": thing,
        "colour": colour,
        "background": background,
        "patches": functional.cross_entropy(read.things.flatten(0, 1), things.flatten(), weights),
        "cells": functional.binary_cross_entropy_with_logits(read.cells, cells),
    }


def _labels(shown: list[Shown]) -> Tensor:
    return torch.tensor([[values.index(getattr(each, name)) for name, values in _TOLD.items()] for each in shown])


@torch.no_grad()
def embeddings(eyes: CLIPVisionModelWithProjection, pixels: Any) -> Tensor:
    """What they make of pictures (N, 128, 128, 3): (N, 64)."""
    made = [eyes(seen(pixels[i : i + 128], LOOK)).image_embeds for i in range(0, len(pixels), 128)]
    return torch.cat(made)
