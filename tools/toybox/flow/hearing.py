"""The text encoder's stage: T5, taught to hear what a caption says of each place, whatever the words and the language.

Before the denoiser, and by itself: some queries look at its answer, as the denoiser will, and linear heads must read
off what each found which thing stands first, which second, and in which colours. So what belongs together is joined in
the encoder's answer, and Russian means what English does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagine.engine.loading.t5_tokenizer import T5Tokenizer
from imagine.engine.parts.t5 import T5Encoder
from imagine.training.loop import random_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox.captions import EN_THINGS, FILLERS, LETTERS
from tools.toybox.flow.captions import PairSpeaker, Spoken
from tools.toybox.flow.models import WIDTH
from tools.toybox.flow.scenes import CANVASES, random_tableau
from tools.toybox.training import Optimizer
from tools.toybox.world import BACKGROUNDS, COLOURS, POSITIONS, SIZES, THINGS

HEARD: dict[str, tuple[str | None, ...]] = {
    "first thing": (None, *THINGS),
    "first colour": (None, *COLOURS),
    "second thing": (None, *THINGS),
    "second colour": (None, *COLOURS),
    "background": (None, *BACKGROUNDS),
    "size": (None, *SIZES),
    "position": (None, *POSITIONS),
    "arrangement": (None, "beside", "above"),
}
"""What each query tells apart; `None` is "not said"."""
SHAPES = tuple(CANVASES)
RUSSIAN = 0.7
"""How many batches are Russian: to T5 its words are many small pieces, which are learnt more slowly."""


def labels_of(said: Spoken) -> list[int]:
    """Where of `HEARD` it is what a caption says."""
    first, second = said.first, said.second
    values = (
        first.thing, first.colour, second.thing, second.colour, first.background, first.size, first.position,
        said.arrangement,
    )  # fmt: skip
    return [known.index(value) for known, value in zip(HEARD.values(), values, strict=True)]


class Listener:
    """Reads captions to a text encoder as the family reads prompts to it, but for the padding that nobody sees."""

    def __init__(self, encoder: T5Encoder) -> None:
        self.encoder, self._tokenizer = encoder, T5Tokenizer()

    def ids(self, caption: str) -> list[int]:
        """Its tokens and the end mark. Captions have none of the signs that prompts are weighted with."""
        return self._tokenizer.encode(caption)

    def hear(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The encoder's answers (captions, tokens, width), as long as the longest needs, and which of them are seen:
        each caption's own and one of padding."""
        read = [self.ids(caption) for caption in captions]
        length = max(map(len, read)) + 1
        pad = self._tokenizer.pad_token_id
        padded = torch.tensor([[*ids, *[pad] * (length - len(ids))] for ids in read])
        own = torch.tensor([len(ids) for ids in read])[:, None]
        places = torch.arange(length)[None]
        return self.encoder(padded, places < own), places <= own


def taught_tokens(listener: Listener, seed: int, count: int) -> Tensor:
    """Ids of the tokens that captions are made of; the rows of all others stay zero."""
    rng = random_numbers(seed, "taught words", 0)
    speaker = PairSpeaker(rng)
    said = {speaker.speak_of(random_tableau(rng, SHAPES[i % 3]))[1] for i in range(count)}
    words = [*FILLERS, *"".join(LETTERS), *(word for words in EN_THINGS.values() for word in words), "."]
    texts = [*said, *words, *(word.capitalize() for word in words), ""]
    return torch.tensor(sorted({token for text in texts for token in listener.ids(text)} | {0}))


class Queries(nn.Module):
    """A query for each of `HEARD`, which looks at an answer's tokens, and a head that tells what it found."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.asked = nn.Parameter(torch.randn(len(HEARD), width) * width**-0.5)
        self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.heads = nn.ModuleList(nn.Linear(width, len(values)) for values in HEARD.values())

    def forward(self, answer: Tensor, seen: Tensor) -> list[Tensor]:
        """Answers (rows, tokens, width) to logits (rows, values), one for each of `HEARD`."""
        scores = self.asked @ self.key(answer).transpose(1, 2)
        weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
        found = weights @ self.value(answer)
        return [head(found[:, i]) for i, head in enumerate(self.heads)]


class _Asked(nn.Module):
    def __init__(self, encoder: T5Encoder) -> None:
        super().__init__()
        self.encoder, self.queries = encoder, Queries(WIDTH)


class HearingStage:
    """Teaches the text encoder on captions said afresh at every step."""

    def __init__(
        self, encoder: T5Encoder, *, seed: int, steps: int, batch: int, rate: float, words: int = 20_000
    ) -> None:
        """`words`: how many captions are looked through for what it is taught."""
        self.name, self.steps = "hearing", steps
        self._seed, self._batch = seed, batch
        self._listener = Listener(encoder)
        taught = taught_tokens(self._listener, seed, words)
        table = encoder.shared.weight
        with torch.no_grad():
            table[taught] = torch.randn(len(taught), WIDTH, generator=torch.Generator().manual_seed(seed))
        self._untaught = torch.ones(len(table), dtype=torch.bool)
        self._untaught[taught] = False
        self._model = _Asked(encoder)
        self._optimizer = Optimizer(self._model, rate, average=0.995, weight_decay=0.0)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(self._seed, self.name, index)
        said, captions = self._captions(rng, self._batch)
        truth = torch.tensor([labels_of(each) for each in said])
        logits = self._model.queries(*self._listener.hear(captions))
        losses = [F.cross_entropy(guess, truth[:, i]) for i, guess in enumerate(logits)]
        loss = torch.stack(losses).sum()
        loss.backward()
        gradient = self._model.encoder.shared.weight.grad
        assert gradient is not None
        gradient[self._untaught] = 0
        self._optimizer.step(warm_then_decay(index, self.steps, decay=0.5))
        right = torch.stack([guess.argmax(-1) == truth[:, i] for i, guess in enumerate(logits)]).all(0)
        return {"hearing": loss.item(), "right": right.float().mean().item()}

    def _captions(self, rng: Any, count: int, language: str | None = None) -> tuple[list[Spoken], list[str]]:
        """Of one language, so that all are about as long."""
        speaker, language = PairSpeaker(rng), language or ("ru" if rng.random() < RUSSIAN else "en")
        spoken = [
            speaker.speak_of(random_tableau(rng, SHAPES[i % 3]), empty=0.02, language=language) for i in range(count)
        ]
        return [said for said, _ in spoken], [text for _, text in spoken]

    def heard(self, count: int = 1000) -> dict[str, dict[str, float]]:
        """How often each of `HEARD`, and all, is read right off a fresh caption, by language."""
        right = {}
        with self._optimizer.averaged(torch.float32), torch.no_grad():
            for language in ("en", "ru"):
                rng = random_numbers(self._seed, f"hearing check {language}", 0)
                said, captions = self._captions(rng, count, language)
                truth = torch.tensor([labels_of(each) for each in said])
                found = torch.cat([
                    torch.stack([guess.argmax(-1) for guess in self._model.queries(*self._listener.hear(some))], 1)
                    for some in (captions[i : i + 250] for i in range(0, count, 250))
                ])  # fmt: skip
                shares = (found == truth).float().mean(0).tolist()
                right[language] = dict(zip(HEARD, shares, strict=True))
                right[language]["all"] = (found == truth).all(1).float().mean().item()
        return right

    def sample(self, folder: Path, index: int) -> None:
        with (folder / "hearing.heard.txt").open("a") as file:
            file.write(f"{index} {self.heard(500)}\n")

    def finish(self) -> T5Encoder:
        """The trained encoder: the averaged weights."""
        self._optimizer.hold(torch.float32, average=True)
        return self._model.encoder.requires_grad_(False).eval()

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)
