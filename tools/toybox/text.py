"""The text encoder's stage: it learns to hear what a caption mentions, whatever the words and the language.

Taught before the denoiser, by two losses on its last hidden states from the end-of-text token on: linear heads must
read every attribute off them, and two wordings of one mention must give the same states. The denoiser then sees one
clean signal, and Russian draws as well as English.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from imagine.training.loop import random_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox.captions import EN_THINGS, FILLERS, LETTERS, NOTHING, Mention, Speaker
from tools.toybox.models import END_OF_TEXT, TOKENS
from tools.toybox.training import Optimizer
from tools.toybox.world import BACKGROUNDS, COLOURS, POSITIONS, SIZES, THINGS, combinations, random_scene

ATTRIBUTES: dict[str, tuple[str | None, ...]] = {
    "thing": (None, *THINGS),
    "colour": (None, *COLOURS),
    "background": (None, *BACKGROUNDS),
    "size": (None, *SIZES),
    "position": (None, *POSITIONS),
}
"""What each linear head tells apart; `None` is "not said"."""
AGREEMENT_WEIGHT = 0.2


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Token ids (N, 77), padded with end-of-text and cut like Stable Diffusion 1's prompts."""
    return tokenizer(captions, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt").input_ids


def labels_of(mention: Mention) -> list[int]:
    return [values.index(getattr(mention, name)) for name, values in ATTRIBUTES.items()]


def taught_tokens(tokenizer: CLIPTokenizer, seed: int) -> Tensor:
    """Ids of the tokens that captions are made of; the embeddings of all others stay zero."""
    speaker = Speaker(random_numbers(seed, "taught words", 0))
    choices = combinations(unseen=False)
    rng = random_numbers(seed, "taught scenes", 0)
    said = [speaker.say(speaker.notice(random_scene(rng, choices)), fillers=0.0) for _ in range(20_000)]
    texts = [*set(said), *FILLERS, *"".join(LETTERS), *(w for words in EN_THINGS.values() for w in words), "."]
    return torch.tensor(sorted({i for ids in tokenizer(texts).input_ids for i in ids}))


class Readout(nn.Module):
    """One linear head per attribute, from a hidden state (…, dim) to logits."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(dim, len(values)) for values in ATTRIBUTES.values())

    def forward(self, states: Tensor) -> list[Tensor]:
        return [head(states) for head in self.heads]


class _Trained(nn.Module):
    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.readout = Readout(encoder.config.hidden_size)


class TextStage:
    """Teaches the text encoder on pairs of captions."""

    def __init__(
        self, encoder: CLIPTextModel, tokenizer: CLIPTokenizer, *, seed: int, steps: int, batch: int, rate: float,
        device: torch.device,
    ) -> None:  # fmt: skip
        self.name, self.steps = "text", steps
        self._tokenizer, self._seed, self._batch, self._device = tokenizer, seed, batch, device
        taught = taught_tokens(tokenizer, seed)
        table = encoder.get_input_embeddings().weight
        with torch.no_grad():
            table[taught] = 0.3 * torch.randn(
                len(taught), table.shape[1], generator=torch.Generator().manual_seed(seed)
            )
        self._mask = torch.zeros(len(table), 1, device=device)
        self._mask[taught] = 1
        self._model = _Trained(encoder).to(device)
        self._optimizer = Optimizer(self._model, rate, average=0.995, weight_decay=0.0)
        self._choices = combinations(unseen=False) + combinations(unseen=True)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        mentions, captions = self._captions(rng, self._batch)
        states = self._states(captions, rng)
        logits = self._model.readout(states)
        truth = torch.tensor([labels_of(m) for m in mentions], device=self._device).repeat(2, 1)
        losses = [
            F.cross_entropy(guess.flatten(0, 1), truth[:, i].repeat_interleave(states.shape[1]))
            for i, guess in enumerate(logits)
        ]
        hearing = sum(losses, start=torch.zeros((), device=self._device))
        agreement = F.mse_loss(states[: self._batch], states[self._batch :])
        (hearing + AGREEMENT_WEIGHT * agreement).backward()
        table = self._model.encoder.get_input_embeddings().weight
        table.grad *= self._mask
        self._optimizer.step(warm_then_decay(index, self.steps, decay=0.5))
        right = torch.stack([guess.argmax(-1) == truth[:, i : i + 1] for i, guess in enumerate(logits)]).all(0)
        return {"hearing": hearing.item(), "agreement": agreement.item(), "right": right.float().mean().item()}

    def _captions(self, rng: Any, count: int) -> tuple[list[Mention], list[str]]:
        """`count` mentions, and two wordings of each: all the first ones, then all the second ones."""
        speaker = Speaker(rng)
        mentions = [
            NOTHING if rng.random() < 0.05 else speaker.notice(random_scene(rng, self._choices)) for _ in range(count)
        ]
        return mentions, [speaker.say(m, fillers=0.35) for _ in range(2) for m in mentions]

    def _states(self, captions: list[str], rng: Any) -> Tensor:
        """Last hidden states (N, 3, dim) at the end-of-text token, at the last one, and at a random place between."""
        ids = tokenize(self._tokenizer, captions).to(self._device)
        hidden = self._model.encoder(ids).last_hidden_state
        end = (ids == END_OF_TEXT).int().argmax(1)
        between = end + (torch.from_numpy(rng.random(len(ids))).to(end.device) * (TOKENS - end)).long()
        places = torch.stack([end, torch.full_like(end, TOKENS - 1), between], 1)
        return hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[-1]))

    def heard(self, count: int = 2000) -> dict[str, float]:
        """How often every attribute of a fresh caption is read right, by language."""
        rng = random_numbers(self._seed, "text check", 0)
        speaker = Speaker(rng)
        right = {}
        with self._optimizer.averaged(torch.float32), torch.no_grad():
            for language in ("en", "ru"):
                mentions = [speaker.notice(random_scene(rng, self._choices)) for _ in range(count)]
                captions = [speaker.say(m, language=language) for m in mentions]
                truth = torch.tensor([labels_of(m) for m in mentions], device=self._device)
                found = []
                for i in range(0, count, 250):
                    logits = self._model.readout(self._states(captions[i : i + 250], rng)[:, 0])
                    found.append(torch.stack([guess.argmax(-1) for guess in logits], 1) == truth[i : i + 250])
                right[language] = torch.cat(found).all(1).float().mean().item()
        return right

    def sample(self, folder: Path, index: int) -> None:
        right = self.heard(500)
        with (folder / "text.heard.txt").open("a") as file:
            file.write(f"{index} {right}\n")

    def finish(self) -> CLIPTextModel:
        self._optimizer.hold(torch.float32, average=True)
        return self._model.encoder

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)
