"""Finds a word that Toybox lacks: `python -m tools.toybox.embedding` learns vectors that mean a white moon at night.

Textual inversion (Gal et al. 2022, https://arxiv.org/abs/2208.01618): the vectors stand where a word's own would, and
are all that learns. The file is as AUTOMATIC1111 writes one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor
from torch.nn import Module, Parameter
from tqdm import tqdm
from transformers import CLIPTokenizer

from imagine.engine.execution.execution import Eager
from imagine.engine.families.family import Family
from imagine.engine.jobs.canvas import pixels_from_picture
from imagine.engine.parts.denoiser import DenoiserPart
from imagine.engine.parts.slices import whole
from imagine.files.writing import write_atomically
from imagine.training import loop
from imagine.training.optimizer import Optimizer, warm_then_decay
from tools.toybox import export, models
from tools.toybox.evaluate import MODEL
from tools.toybox.samplers import open_toybox
from tools.toybox.world import POSITIONS, SIZES, draw, place

FOLDER = MODEL.parent / "embeddings"
NAME = "toybox-night"
SHOWN = ("moon", "white", "black")
"""The thing, its colour and its background, which the word means."""
FIRST = "moon"
"""The word whose vector both begin as."""
VECTORS = 2
SEED, STEPS, BATCH, RATE, PICTURES = 2026, 240, 8, 2e-2, 48
_PLACE = 0
_SIZES = {"small": ("a small {}", "a little {}"), "large": ("{}", "a large {}", "{}")}
_POSITIONS = {"left": "{} on the left", "centre": "{}", "right": "{} on the right"}


class WordStage:
    """Trains the vectors, the loss that of the denoiser's own training."""

    name = NAME

    def __init__(self, family: Family, *, steps: int = STEPS, batch: int = BATCH) -> None:
        self.steps, self._batch, self._family = steps, batch, family
        self._tokenizer = CLIPTokenizer(str(export.TOKENIZER / "vocab.json"), str(export.TOKENIZER / "merges.txt"))
        (denoiser,) = family.parts("denoise")
        assert isinstance(denoiser, DenoiserPart), "it has one"
        denoiser.execution = Eager(denoiser.module)  # of layers laid out for oneDNN there are no gradients
        self._dtype = denoiser.dtype
        self._encoder: Module = family.networks["text_encoder"]
        for network in family.networks.values():
            network.requires_grad_(False)
        self._words = self._encoder.get_submodule("embeddings.token_embedding")
        rng = loop.random_numbers(SEED, self.name, 0)
        self._latents, self._captions = self._lessons(rng)
        first = self._words.weight[self._ids(FIRST)[0]]  # type: ignore[index]
        self.vectors = Parameter(first.detach().float().repeat(VECTORS, 1))
        self._optimizer = Optimizer([self.vectors], RATE, average=0.95, weight_decay=0.0)
        signal = models.alphas_cumprod()
        self._signal, self._noise = signal.sqrt(), (1 - signal).sqrt()

    @torch.no_grad()
    def _lessons(self, rng: np.random.Generator) -> tuple[Tensor, list[str]]:
        """Pictures of what the word means, as latents, and what is said of each, `{}` where the word stands."""
        latents, captions = [], []
        for _ in range(PICTURES):
            size, position = (str(rng.choice(of)) for of in (SIZES, POSITIONS))
            picture = draw(place(rng, *SHOWN, size, position))
            latents.append(whole(self._family.encode_picture(pixels_from_picture(picture))).values.clone())
            captions.append(_POSITIONS[position].format(str(rng.choice(_SIZES[size]))))
        return torch.cat(latents), captions

    def step(self, index: int) -> dict[str, float]:
        rng = loop.random_numbers(SEED, self.name, index + 1)
        chosen = rng.choice(PICTURES, self._batch, replace=False)
        clean = self._latents[torch.from_numpy(chosen)]
        timesteps = torch.from_numpy(rng.integers(0, len(self._signal), self._batch))
        signal, level = (of[timesteps].view(-1, 1, 1, 1).to(clean) for of in (self._signal, self._noise))
        noise = torch.randn(clean.shape, generator=loop.torch_numbers(rng)).to(clean)
        context = torch.cat([self._heard(self._captions[i]) for i in chosen]).to(self._dtype)
        guess = self._family.denoise(signal * clean + level * noise, timesteps, {"context": context})
        loss = (guess - (signal * noise - level * clean)).square().mean()
        loss.backward()
        self._optimizer.step(warm_then_decay(index, self.steps, warm=20, decay=0.5))
        return {"loss": loss.item()}

    def _heard(self, caption: str) -> Tensor:
        """What the denoiser is told, (1, 77, width), the vectors in their place."""
        before, behind = (self._ids(part) for part in caption.split("{}"))
        ids = [models.VOCABULARY - 2, *before, *[_PLACE] * VECTORS, *behind]
        ids += [models.END_OF_TEXT] * (models.TOKENS - len(ids))
        with self._placed(1 + len(before)):
            last = self._encoder(torch.tensor([ids])).hidden_states[-1]
        return self._encoder.get_submodule("final_layer_norm")(last)

    @contextmanager
    def _placed(self, at: int) -> Iterator[None]:
        def place(_: Module, __: object, answer: Tensor) -> Tensor:
            return torch.cat([answer[:, :at], self.vectors[None].to(answer), answer[:, at + VECTORS :]], 1)

        handle = self._words.register_forward_hook(place)
        try:
            yield
        finally:
            handle.remove()

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def finish(self) -> Tensor:
        """The vectors' average."""
        self._optimizer.use(average=True)
        return self.vectors.detach()

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def stepped(self, done: int, losses: dict[str, float]) -> None:
        self._bar.update(done - self._bar.n)
        self._bar.set_postfix(losses, refresh=False)

    def stopping(self) -> bool:
        return False


def learn(work: Path, target: Path, steps: int = STEPS) -> None:
    """Learn the vectors into a file at `target`; `work` holds how far it is."""
    work.mkdir(parents=True, exist_ok=True)
    stage, checkpoint = WordStage(open_toybox(), steps=steps), work / f"{NAME}.safetensors"
    done = loop.resume(stage, checkpoint, NAME)
    with tqdm(total=steps, initial=done, desc=NAME, unit="step") as bar:
        loop.run(stage, done, checkpoint, NAME, _Bar(bar))
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, safetensors.torch.save({"emb_params": stage.finish().contiguous()}, _metadata(steps)))


def _metadata(steps: int) -> dict[str, str]:
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1/textual-inversion",
        "modelspec.implementation": "https://github.com/AUTOMATIC1111/stable-diffusion-webui",
        "modelspec.title": NAME,
        "modelspec.author": "The Imagine authors",
        "modelspec.license": "MIT",
        "modelspec.description": "A white moon on black, for Toybox.",
        "ss_sd_model_name": MODEL.stem,
        "ss_steps": str(steps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".toybox"), help="where its state goes")
    parser.add_argument("--output", type=Path, default=FOLDER / f"{NAME}.safetensors")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; another number gives other losses")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    learn(options.work, options.output)


if __name__ == "__main__":
    main()
