"""The denoiser's stage: rectified flow on cached latents (arXiv:2209.03003), with the text encoder frozen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL, ChromaTransformer2DModel
from torch import Tensor
from tqdm import tqdm

from imagine.engine.execution.execution import Inputs
from imagine.engine.families.chroma import call_chroma
from imagine.training.loop import random_numbers, torch_numbers
from imagine.training.optimizer import warm_then_decay
from imagine.training.state import keep, kept
from tools.toybox.denoiser import THING_WEIGHT
from tools.toybox.flow.autoencoder import encoded, spread_of
from tools.toybox.flow.captions import PairSpeaker
from tools.toybox.flow.hearing import SHAPES, Listener
from tools.toybox.flow.judging import bound
from tools.toybox.flow.models import GUIDANCE, LATENT_CHANNELS, STEPS, unscaled
from tools.toybox.flow.scenes import CANVASES, Shape, Tableau, random_pair, random_tableau
from tools.toybox.flow.telling import Teller, standing
from tools.toybox.judge import judge
from tools.toybox.models import DOWNSCALE
from tools.toybox.muon import MuonOptimizer
from tools.toybox.training import to_grid, to_picture
from tools.toybox.world import combinations, random_scene

SHIFTED = math.exp(0.47)
"""By how much the family shifts the noise levels of pictures as small as these, so that training does."""
EMPTY = 0.1
"""How many captions are empty, for guidance."""
SQUARE = 0.7
"""How many batches are of square pictures; the others are wide or tall."""


TELLING = 0.2
"""How much it counts what the denoiser tells of its pictures midway; as the rate falls, so does this."""


class FlowPool(NamedTuple):
    """Scenes of one shape, their latents (N, 16, h, w), scaled, and what stands in their cells (N, rows, columns)."""

    tableaux: list[Tableau]
    latents: Tensor
    cells: Tensor


def make_pools(vae: AutoencoderKL, counts: Mapping[Shape, int], seed: int, folder: Path) -> dict[Shape, FlowPool]:
    """Draw and encode training scenes, or read them back from `folder`."""
    return {shape: _pool(vae, shape, count, seed, folder) for shape, count in counts.items()}


def _pool(vae: AutoencoderKL, shape: Shape, count: int, seed: int, folder: Path) -> FlowPool:
    rng = random_numbers(seed, f"flow pool {shape}", 0)
    tableaux = [random_tableau(rng, shape) for _ in range(count)]
    cells = torch.stack([standing(tableau) for tableau in tableaux])
    file = folder / f"pool-{shape}.safetensors"
    if found := kept(file):
        return FlowPool(tableaux, found[0]["latents"].float(), cells)
    made = torch.stack([encoded(vae, tableau).half() for tableau in tqdm(tableaux, desc=f"{shape} latents")])
    keep(file, {"latents": made}, {"count": count})
    return FlowPool(tableaux, made.float(), cells)


def things_weights(tableaux: Sequence[Tableau]) -> Tensor:
    """Per-latent loss weights (N, 1, h, w) of mean 1, higher where things stand."""
    width, height = (side // DOWNSCALE for side in tableaux[0].size)
    x, y = ((np.arange(count) + 0.5) * DOWNSCALE for count in (width, height))
    weights = torch.ones(len(tableaux), height, width)
    for weight, tableau in zip(weights, tableaux, strict=True):
        for each in tableau.things:
            reach = each.radius + 6
            inside = (abs(x[None] - each.x) < reach) & (abs(y[:, None] - each.y) < reach)
            weight[torch.from_numpy(inside)] = THING_WEIGHT
    return (weights / weights.mean((1, 2), keepdim=True))[:, None]


class FlowTrial(NamedTuple):
    """A caption whose picture is to be judged, and what it asks for."""

    tableau: Tableau
    caption: str


class _Part(NamedTuple):
    """What one thread learns from, rows of a batch."""

    clean: Tensor
    noise: Tensor
    levels: Tensor
    weights: Tensor
    context: Tensor
    seen: Tensor
    cells: Tensor


class FlowStage:
    """Trains the denoiser on captions said afresh for every use of a picture."""

    def __init__(
        self, name: str, denoiser: ChromaTransformer2DModel, listener: Listener, vae: AutoencoderKL,
        pools: Mapping[Shape, FlowPool], *, seed: int, steps: int, batch: int, rate: float, decay: float,
        keeps: Callable[[ChromaTransformer2DModel], None], average: float = 0.999, threads: int = 1,
    ) -> None:  # fmt: skip
        """`keeps` is given the averaged weights whenever they are looked at. Each of the `threads` takes its part of
        a batch: on two cores half as long again is done so as where every product is shared out."""
        self.name, self.steps, self._keeps = name, steps, keeps
        self._denoiser, self._listener, self._vae, self._pools = denoiser, listener, vae, pools
        self._seed, self._batch, self._decay, self._spread = seed, batch, decay, spread_of(vae).view(-1, 1, 1)
        self._teller = Teller(denoiser)
        self._threads = threads
        self._workers = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        self._optimizer = MuonOptimizer(
            self._teller, rate, average=average, chosen=_by_muon, workers=self._workers
        )  # fmt: skip

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        shape = SHAPES[0] if rng.random() < SQUARE else SHAPES[1 + int(rng.integers(2))]
        pool, speaker, language = self._pools[shape], PairSpeaker(rng), ("en", "ru")[int(rng.integers(2))]
        chosen = rng.integers(0, len(pool.tableaux), self._batch)
        tableaux = [pool.tableaux[i] for i in chosen]
        captions = [speaker.speak_of(tableau, empty=EMPTY, language=language)[1] for tableau in tableaux]
        numbers = torch_numbers(rng)
        clean = pool.latents[torch.from_numpy(chosen)]
        clean = clean + torch.randn(clean.shape, generator=numbers) * self._spread
        noise = torch.randn(clean.shape, generator=numbers)
        with torch.no_grad():
            context, seen = self._listener.hear(captions)
        told = TELLING * warm_then_decay(index, self.steps, warm=1, decay=self._decay)
        wholes = (
            clean, noise, _levels(self._batch, numbers).view(-1, 1, 1, 1), things_weights(tableaux), context, seen,
            pool.cells[torch.from_numpy(chosen)],
        )  # fmt: skip
        parts = zip(*(whole.tensor_split(self._threads) for whole in wholes), strict=True)
        losses = list(self._workers.map(lambda part: self._learn(_Part(*part), told), parts))
        self._optimizer.step(warm_then_decay(index, self.steps, warm=200, decay=self._decay))
        return {name: sum(each[name] for each in losses) for name in losses[0]}

    def _learn(self, part: _Part, told: float) -> dict[str, float]:
        """Leave a part's gradients on the weights, and say its share of the batch's losses."""
        share = len(part.clean) / self._batch
        noisy = torch.lerp(part.clean, part.noise, part.levels)
        guess = self._ask(noisy, part.levels.flatten(), part.context, part.seen)
        loss = ((guess - (part.noise - part.clean)).square() * part.weights).mean()
        telling = self._teller.loss(part.cells)
        ((loss + told * telling) * share).backward()
        return {"loss": loss.item() * share, "telling": telling.item() * share}

    def _ask(self, latents: Tensor, levels: Tensor, context: Tensor, seen: Tensor) -> Tensor:
        """What moves the latents, as the family asks it: a timestep of 1,000 is pure noise."""
        return call_chroma(self._denoiser, Inputs(latents, levels * 1000, context, {"seen": seen}))

    @torch.no_grad()
    def draw(self, prompts: Sequence[str], shape: Shape = "square", *, seed: int = 0) -> Tensor:
        """Pictures (N, 3, H, W) in −1…1, by Euler's steps with guidance, from the weights as they are."""
        width, height = (side // DOWNSCALE for side in CANVASES[shape])
        size = (1, LATENT_CHANNELS, height, width)
        latents = torch.cat(
            [torch.randn(size, generator=torch.Generator().manual_seed(seed + i)) for i in range(len(prompts))]
        )
        context, seen = self._listener.hear([*prompts, *[""] * len(prompts)])
        even = torch.linspace(1, 0, STEPS + 1)
        levels = SHIFTED * even / (1 + (SHIFTED - 1) * even)
        for level, following in pairwise(levels):
            both = self._ask(torch.cat([latents, latents]), level.expand(2 * len(prompts)), context, seen)
            said, empty = both.chunk(2)
            latents = latents + (following - level) * (empty + GUIDANCE * (said - empty))
        return torch.cat([self._vae.decode(unscaled(each)).sample for each in latents.split(8)])

    def sample(self, folder: Path, index: int) -> None:
        """A grid of what was never trained on, and how much of it the judge tells."""
        pairs, single = pair_trials(24, self._seed), single_trials(24, self._seed)
        self.keep()
        with self._optimizer.averaged(torch.float32):
            made = self.draw([trial.caption for trial in (*pairs, *single)])
        to_grid(made, 12, folder / f"{self.name}-{index:06d}.png")
        pictures = [to_picture(each) for each in made]
        verdicts = [bound(p, t.tableau) for p, t in zip(pictures[:24], pairs, strict=True)]
        agreed = [judge(p).agrees(t.tableau.things[0]) for p, t in zip(pictures[24:], single, strict=True)]
        counts = {name: sum(getattr(v, name) for v in verdicts) for name in verdicts[0]._fields}
        counts |= {name: sum(a[name] for a in agreed) for name in agreed[0]}
        with (folder / f"{self.name}.judged.txt").open("a") as file:
            file.write(f"{index} of 24 pairs and of 24 single things {counts}\n")

    def keep(self) -> None:
        """Hand on what the average of the weights is by now."""
        with self._optimizer.averaged(torch.float32):
            self._keeps(self._denoiser)

    def finish(self) -> ChromaTransformer2DModel:
        """The trained model: the averaged weights."""
        self._optimizer.hold(torch.float32, average=True)
        return self._denoiser

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)


def _by_muon(name: str, weights: Tensor) -> bool:
    """The blocks' matrices: what goes into the denoiser, out of it and tells the time moves by AdamW."""
    return weights.ndim == 2 and "blocks." in name and "norm" not in name


def _levels(count: int, numbers: torch.Generator) -> Tensor:
    """Noise levels in 0…1, most in the middle (logit-normal, arXiv:2403.03206, 3.1), a tenth anywhere, and shifted."""
    middle = torch.randn(count, generator=numbers).sigmoid()
    anywhere, chance = torch.rand(2, count, generator=numbers)
    even = torch.where(chance < 0.1, anywhere, middle)
    return SHIFTED * even / (1 + (SHIFTED - 1) * even)


def pair_trials(count: int, seed: int, shape: Shape = "square") -> list[FlowTrial]:
    """Pairs never trained on, in full captions, by turns English and Russian."""
    rng = random_numbers(seed, f"pair trials {shape}", 0)
    speaker, trials = PairSpeaker(rng), []
    for i in range(count):
        tableau = random_pair(rng, shape, unseen=True)
        _, text = speaker.speak_of(tableau, empty=0, whole=True, language=("en", "ru")[i % 2])
        trials.append(FlowTrial(tableau, text))
    return trials


def single_trials(count: int, seed: int) -> list[FlowTrial]:
    """Single things in combinations never trained on, with all that there is to say, by turns English and Russian."""
    rng = random_numbers(seed, "single trials", 0)
    speaker, choices = PairSpeaker(rng), combinations(unseen=True)
    tableaux = [Tableau("square", (random_scene(rng, choices),)) for _ in range(count)]
    return [
        FlowTrial(tableau, speaker.speak_of(tableau, empty=0, whole=True, language=("en", "ru")[i % 2])[1])
        for i, tableau in enumerate(tableaux)
    ]
