"""Draws with Toybox through the engine, as a user's picture is drawn, with LoRAs, embeddings, maps and references."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from PIL import Image

from imagine.asking.request import GenerateRequest
from imagine.asking.resolve import resolve, stated_by
from imagine.engine.engine import Engine
from imagine.files import shipped
from imagine.pictures.images import encode
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import component_from, model_from
from imagine.words.events import Event, Failed, Finished
from imagine.words.frames import Submit, WorkerSettings
from imagine.words.model import AdapterUse, Component, ControlUse, EmbeddingUse, ReferenceUse
from imagine.words.recipe import Control, Reference, ReferenceCrop, ReferenceKind
from tools.toybox.beside.reference import KINDS, NAME
from tools.toybox.evaluate import MODEL
from tools.toybox.world import SIDE


class Held(NamedTuple):
    """A map that a picture is held to, by the file of that name."""

    model: str
    map: Image.Image
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0


class Given(NamedTuple):
    """A reference."""

    picture: Image.Image
    kind: ReferenceKind = "subject"
    strength: float = 1.0
    crop: ReferenceCrop = "pad"


class Source(NamedTuple):
    """A picture to start from, how much of it is painted anew, and where: all of it, or where the mask is white."""

    picture: Image.Image
    strength: float
    mask: Image.Image | None = None

    @property
    def files(self) -> tuple[bytes, bytes | None]:
        """The picture and the mask as files."""
        return encode(self.picture), None if self.mask is None else encode(self.mask)


class Ask(NamedTuple):
    """A picture to be drawn: LoRAs with their weights, embeddings that its prompts say, and pictures beside them."""

    prompt: str
    seed: int = 0
    loras: Mapping[str, float] = {}
    words: Sequence[str] = ()
    neg: str = ""
    held: Sequence[Held] = ()
    given: Sequence[Given] = ()
    buckets: str | None = None
    """Of a recipe: how many were drawn together at each step."""
    size: tuple[int, int] = (SIDE, SIDE)
    """Width and height, in pixels."""
    guidance: float | None = None
    """None: the model's own."""
    source: Source | None = None


class Drawn(NamedTuple):
    """A picture, and how many were drawn together at each step."""

    picture: Image.Image
    buckets: str


class Painter:
    """With what ships, and with what lies at `more`, by the model of that name."""

    def __init__(self, *more: Path, model: str = MODEL.stem, steps: int = 16) -> None:
        self._registry = Registry([], shipped=[*shipped.models(), *more])
        self._registry.refresh()
        self._entry = self._registry.with_digest(self._registry.find(model))
        self._engine = Engine(WorkerSettings(device="cpu", keep_alive=-1))
        self._steps, self._numbers = steps, count()

    def paint(self, asks: Sequence[Ask]) -> list[Image.Image]:
        """All of them together, in a crowd."""
        return [drawn.picture for drawn in self.draw(asks)]

    def draw(self, asks: Sequence[Ask]) -> list[Drawn]:
        """As `paint`, with what makes each again to the bit."""
        jobs = [self._submit(ask) for ask in asks]
        said: list[Event] = []
        while self._engine.busy:
            said += self._engine.step()
        failed = [event for event in said if isinstance(event, Failed)]
        assert not failed, failed
        done = {event.job: event for event in said if isinstance(event, Finished)}
        return [
            Drawn(Image.open(io.BytesIO(done[job].data)).convert("RGB"), str(done[job].meta["buckets"])) for job in jobs
        ]

    def digests(self, *kinds: str) -> dict[str, str]:
        """The SHA-256 of the files of these kinds, by name."""
        paths = sorted(Path(entry.path) for entry in self._registry.files() if entry.kind in kinds)
        return {path.stem: _digest(path.read_bytes()) for path in paths}

    def _submit(self, ask: Ask) -> str:
        request = GenerateRequest(
            prompt=ask.prompt,
            neg=ask.neg,
            num_steps=self._steps,
            width=ask.size[0],
            height=ask.size[1],
            seed=ask.seed,
            buckets=ask.buckets,
            guidance=ask.guidance,
        )
        found = resolve(request, model=self._entry, defaults=stated_by(self._entry), random_seed=lambda: 0)
        job, (params,) = str(next(self._numbers)), found.params
        control, controls = self._controls(ask.held)
        references, uses = self._references(ask.given)
        params = msgspec.structs.replace(params, control=control, references=references)
        img, mask = (None, None) if ask.source is None else ask.source.files
        if ask.source is not None:
            digests = {name: _digest(data) for name, data in (("img", img), ("mask", mask)) if data is not None}
            params = msgspec.structs.replace(params, strength=ask.source.strength, **digests)
        self._engine.submit(Submit(
            job=job, client="toybox", params=params, model=model_from(self._entry), adapters=self._loras(ask.loras),
            embeddings=self._embeddings(ask.words), controls=controls, references=uses, img=img, mask=mask,
        ))  # fmt: skip
        return job

    def _loras(self, loras: Mapping[str, float]) -> tuple[AdapterUse, ...]:
        return tuple(
            AdapterUse(name=name, kind="lora", component=self._component(name, "lora"), weight=by, clip_weight=by)
            for name, by in loras.items()
        )

    def _embeddings(self, words: Sequence[str]) -> tuple[EmbeddingUse, ...]:
        return tuple(EmbeddingUse(word=word, component=self._component(word, "embedding")) for word in words)

    def _component(self, name: str, kind: str) -> Component:
        return component_from("adapter", self._file(name, kind))

    def _controls(self, held: Sequence[Held]) -> tuple[tuple[Control, ...], tuple[ControlUse, ...]]:
        said, uses = [], []
        for each in held:
            entry, data = self._file(each.model, "controlnet"), encode(each.map)
            uses.append(ControlUse(
                kind="controlnet", variant=entry.variant, component=component_from("adapter", entry), image=data
            ))  # fmt: skip
            said.append(Control(
                model=each.model, image=_digest(data), strength=each.strength, start=each.start, end=each.end
            ))  # fmt: skip
        return tuple(said), tuple(uses)

    def _references(self, given: Sequence[Given]) -> tuple[tuple[Reference, ...], tuple[ReferenceUse, ...]]:
        said, uses = [], []
        for each in given:
            entry, data = self._file(NAME, "ip-adapter"), encode(each.picture)
            uses.append(ReferenceUse(variant=entry.variant, component=component_from("adapter", entry), img=data))
            said.append(Reference(
                img=_digest(data), kind=each.kind, strength=each.strength, weights=KINDS[each.kind], crop=each.crop,
                adapter=NAME,
            ))  # fmt: skip
        return tuple(said), tuple(uses)

    def _file(self, name: str, kind: str) -> Any:
        return self._registry.with_digest(self._registry.find(name, kind))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
