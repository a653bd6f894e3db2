"""A day of orders among many workers, simulated: machines that load, batch and die, fed by the pool's own policy.

A worker does as the engine does where it matters here: it makes what it was handed in turn, of one kind as many at a
time as it batches, loads what isn't there and lets go of what was used least recently. Time is the simulation's.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from imagine.dispatch.placement import JobPlacement
from imagine.dispatch.queue import FairQueue
from imagine.dispatch.wanted import JobNeeds, wanted_from_model
from imagine.messages import Message, in_english
from imagine.words.errors import WorkerLost
from imagine.words.events import Failed, Finished, Loading, Progress
from imagine.words.frames import Ready, ResidentModel, Room, Stats
from imagine.words.model import Component, Model, Role
from imagine.words.recipe import GenerationParams
from imagine.words.sizes import Sizes, Weight

GB = 10**9
_TOGETHER = (1.0, 1.4, 1.65, 2.0)
"""How many times as long as one picture alone a batch of one to four takes."""
_LAYERED = 3.0
"""How many times as long a picture takes whose model doesn't fit."""
_OPENING = 1.5
"""Seconds of a load beside those of its bytes."""


@dataclass(frozen=True)
class FamilyCost:
    """What models of a family weigh, in GB, and how many seconds of the reference machine a picture takes."""

    own: float
    encoder: float
    seconds: float
    shared: str = ""
    """The text encoder that several have in common."""


FAMILIES = {
    "sd15": FamilyCost(1.9, 0.2, 8.0),
    "sdxl": FamilyCost(5.3, 1.6, 25.0),
    "flux": FamilyCost(23.8, 9.8, 75.0, "t5"),
    "flux-q8": FamilyCost(12.7, 5.1, 85.0, "t5-q8"),
    "chroma": FamilyCost(17.8, 9.8, 110.0, "t5"),
    "z-image": FamilyCost(12.3, 8.0, 20.0, "qwen3-4b"),
    "qwen-image": FamilyCost(40.9, 16.6, 140.0),
}
"""Sizes as published, 16 bits a number where the name doesn't say otherwise; seconds as on a card of the middle."""
_KINDS = ["sdxl", "sd15", "flux-q8", "z-image", "sdxl", "sd15", "flux", "sdxl", "chroma", "sd15", "qwen-image"]


@dataclass(frozen=True)
class MachineKind:
    """A device: its speed against the reference, its memory in GB, and GB it loads in a second."""

    speed: float
    memory: float
    loads: float
    share: int


KINDS = [
    MachineKind(0.5, 12, 0.5, 3), MachineKind(0.8, 16, 1.0, 3), MachineKind(1.0, 24, 1.5, 4),
    MachineKind(1.6, 24, 2.0, 3), MachineKind(2.5, 80, 3.0, 2),
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Day:
    """What is simulated. Seconds; rates follow from the load."""

    workers: int
    load: float
    """Of the seconds that all workers have, how many all pictures would take each alone, loads not counted."""
    seconds: float = 86_400.0
    models: int = 50
    clients: int = 200
    swing: float = 0.6
    """How far above and below the mean the rate of orders goes in a day."""
    burst: float = 0.1
    """Of orders, how many bring pictures by the dozen."""
    lives: float = 30_000.0
    """Seconds after which a worker dies, on average."""
    away: float = 300.0
    seed: int = 1
    kinds: tuple[MachineKind, ...] = ()
    """Of the workers, in turn; none: all kinds, as often as they are found."""
    slots: int = 32


@dataclass(eq=False, slots=True)
class Picture:
    """One job on its way; times are the simulation's."""

    id: str
    client: str
    model: int
    wanted: JobNeeds
    seconds: float
    came: float
    begun: float = math.nan
    ended: float = math.nan
    lost: int = 0


@dataclass(eq=False)
class Machine:
    """A worker of the simulation, as its pool sees it, and what it does."""

    number: int
    kind: MachineKind
    files: frozenset[str] | None = None
    """Digests that it has; None: all."""
    ready: Ready | None = None
    broken: Message | None = None
    away: bool = False
    stats: Stats = field(default_factory=Stats)
    held: list[Picture] = field(default_factory=list)
    now: list[Picture] = field(default_factory=list)
    life: int = 0
    resident: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def holds(self, parts: Iterable[Component]) -> bool:
        """Does it have these files?"""
        return self.files is None or all(part.digest in self.files for part in parts)

    def rise(self) -> None:
        """It takes jobs from now on, with nothing loaded."""
        memory = int(self.kind.memory * GB)
        self.ready = Ready(device="cuda:0", name=f"card of {self.kind.memory} GB", room=Room(memory=memory))

    def fall(self) -> None:
        """It is gone, with all that it held."""
        self.ready, self.stats, self.life = None, Stats(), self.life + 1
        self.held, self.now = [], []
        self.resident.clear()

    def load(self, wanted: JobNeeds) -> float:
        """Has a model there; the seconds that takes."""
        weights = wanted.weights[0]
        if weights.identity in self.resident:
            self.resident.move_to_end(weights.identity)
            return 0.0
        memory = int(self.kind.memory * GB)
        there = {part for identity in self.resident for part in _PARTS[identity]}
        lacking = sum(size for part, size in weights.parts.items() if part not in there)
        while self.resident and self._bytes() + lacking > memory:
            self.resident.popitem(last=False)
        self.resident[weights.identity] = min(weights.nbytes, memory)
        self.stats = Stats(
            models=[ResidentModel(name=i, digest=i, identity=i, size=n) for i, n in self.resident.items()]
        )
        return _OPENING + lacking / GB / self.kind.loads

    def seconds(self, batch: Sequence[Picture]) -> float:
        """What these take together."""
        longest = max(each.seconds for each in batch) / self.kind.speed
        layered = _LAYERED if batch[0].wanted.nbytes > self.kind.memory * GB else 1.0
        return longest * layered * _TOGETHER[len(batch) - 1]

    def _bytes(self) -> int:
        parts = {part: size for identity in self.resident for part, size in _PARTS[identity].items()}
        return sum(parts.values())


_PARTS: dict[str, dict[str, int]] = {}
"""Bytes of the parts of each model that was made."""


def models_of(number: int, seed: int) -> list[JobNeeds]:
    """What pictures of so many models ask for, the most popular first."""
    chance, wishes = random.Random(seed), []
    for index in range(number):
        name = _KINDS[index % len(_KINDS)] if index < len(_KINDS) else chance.choice(_KINDS)
        family, digest = FAMILIES[name], f"{index:02}-{name}"
        encoder = family.shared or f"{digest} encoder"
        parts = (_part("denoiser", digest, family.own), _part("text_encoder", encoder, family.encoder))
        wanted = wanted_from_model(Model(name=digest, family=name, components=parts))
        params = GenerationParams(
            model=digest, digest=digest, prompt="", width=1024, height=1024, num_steps=20, guidance=5.0,
            sampler="euler", seed=1,
        )  # fmt: skip
        _PARTS[wanted.weights[0].identity] = dict(wanted.weights[0].parts)
        wishes.append(wanted._replace(params=params, kin=digest, most=len(_TOGETHER)))
    return wishes


def _part(role: Role, digest: str, size: float) -> Component:
    weight = Weight(floats=int(size * GB / 2))
    sizes = Sizes(denoiser=weight) if role == "denoiser" else Sizes(encoders=weight)
    return Component(role=role, path=f"/{digest}", digest=digest, sizes=sizes)


def machines_of(day: Day) -> list[Machine]:
    """The workers of a day."""
    deck = day.kinds or [kind for kind in KINDS for _ in range(kind.share)]
    kinds = [deck[index % len(deck)] for index in range(day.workers)]
    random.Random(day.seed).shuffle(kinds)
    return [Machine(index, kind) for index, kind in enumerate(kinds)]


def orders_of(day: Day, wishes: Sequence[JobNeeds], machines: Sequence[Machine]) -> Iterator[Picture]:
    """Pictures as they come: Poisson orders whose rate swings over the day, of Zipf's popularity, some by the dozen."""
    chance, numbers = random.Random(day.seed), count()
    popularity = [1 / (rank + 1) for rank in range(len(wishes))]
    kinds = [FAMILIES[wish.params.digest.partition("-")[2]].seconds for wish in wishes if wish.params is not None]
    each = sum(p * s for p, s in zip(popularity, kinds, strict=True)) / sum(popularity)
    pictures = 1 + day.burst * 11
    rate = day.load * sum(machine.kind.speed for machine in machines) / each / pictures
    users = [1 / (rank + 1) ** 0.8 for rank in range(day.clients)]
    now, most = 0.0, rate * (1 + day.swing)
    while (now := now + chance.expovariate(most)) < day.seconds:
        if chance.random() * most > rate * (1 - day.swing * math.cos(2 * math.pi * now / day.seconds)):
            continue
        (model,) = chance.choices(range(len(wishes)), popularity)
        (user,) = chance.choices(range(day.clients), users)
        for _ in range(12 if chance.random() < day.burst else 1):
            seconds = kinds[model] * chance.lognormvariate(-0.08, 0.4)
            yield Picture(str(next(numbers)), f"client {user}", model, wishes[model], seconds, now)


class Simulation:
    """One day under one policy."""

    def __init__(
        self, day: Day, policy: Callable[[Sequence[Machine], int, Callable[[], float]], JobPlacement[Machine]],
        machines: Sequence[Machine] | None = None,
    ) -> None:  # fmt: skip
        self.day = day
        self.machines = machines_of(day) if machines is None else list(machines)
        self.wishes = models_of(day.models, day.seed)
        self.now = 0.0
        self.loads = 0
        self.loading = 0.0
        self.done: list[Picture] = []
        self.policy = policy(self.machines, day.slots, lambda: self.now)
        self.queue: FairQueue[Picture] = FairQueue(lambda picture: picture.seconds)
        self._held: Counter[str] = Counter()
        self._chance = random.Random(day.seed + 1)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.decide: Callable[[Picture], Machine | None] = self._choice
        for machine in self.machines:
            self._rise(machine)

    def run(self) -> list[Picture]:
        """All pictures of the day, once each is done."""
        coming = orders_of(self.day, self.wishes, self.machines)
        picture = next(coming, None)
        while picture is not None or self._agenda:
            if picture is not None and (not self._agenda or picture.came <= self._agenda[0][0]):
                self.now = picture.came
                self.queue.push(picture.client, picture)
                self.hand_out()
                picture = next(coming, None)
            elif picture is None and not self._held and not len(self.queue):
                break
            else:
                self.now, _, act = heapq.heappop(self._agenda)
                act()
        return self.done

    def hand_out(self) -> None:
        """As the pool does."""
        blocked: set[tuple[object, bool]] = set()

        def place(client: str, picture: Picture) -> Machine | None:
            kind = (picture.wanted.key, not self._held[client])
            machine = None if kind in blocked else self.decide(picture)
            if machine is None:
                blocked.add(kind)
            return machine

        while self.policy.has_room and (taken := self.queue.take_to(place)) is not None:
            picture, machine = taken
            self._held[picture.client] += 1
            self.policy.begin(picture.id, picture.wanted, machine)
            machine.held.append(picture)
            if not machine.now:
                self._next(machine)

    def _choice(self, picture: Picture) -> Machine | None:
        return self.policy.choose(picture.wanted, newcomer=not self._held[picture.client])

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + seconds, next(self._numbers), act))

    def _next(self, machine: Machine) -> None:
        """Begins with what it has held longest, and what can be made with it."""
        if not machine.held:
            return
        first = machine.held[0]
        kin = [each for each in machine.held if each.wanted.kin == first.wanted.kin]
        machine.now = kin[: len(_TOGETHER)]
        loading, life = machine.load(first.wanted), machine.life
        self.loads, self.loading = self.loads + (loading > 0), self.loading + loading
        if loading:
            self.policy.hear(machine, Loading(job=first.id, model=first.wanted.weights[0].identity))
        self._later(loading, lambda: self._begin(machine, life, loading))

    def _begin(self, machine: Machine, life: int, loading: float) -> None:
        if machine.life != life:
            return
        for picture in machine.now:
            picture.begun = self.now
            self.policy.hear(machine, Progress(job=picture.id, step=0, steps=2))
        seconds = machine.seconds(machine.now)
        self._later(seconds / 2, lambda: self._half(machine, life, seconds))
        self._later(seconds, lambda: self._finish(machine, life, seconds, loading))

    def _half(self, machine: Machine, life: int, seconds: float) -> None:
        if machine.life == life:
            for picture in machine.now:
                spent = seconds / 2 / len(machine.now)
                self.policy.hear(machine, Progress(job=picture.id, step=1, steps=2, spent=spent))

    def _finish(self, machine: Machine, life: int, seconds: float, loading: float) -> None:
        if machine.life != life:
            return
        for index, picture in enumerate(machine.now):
            timings = {"loading": loading} if not index else {}
            spent = seconds / len(machine.now)
            self.policy.hear(machine, Progress(job=picture.id, step=2, steps=2, spent=spent))
            self.policy.hear(machine, Finished(job=picture.id, data=b"", meta={}, timings=timings))
            machine.held.remove(picture)
            self._release(machine, picture)
            picture.ended = self.now
            self.done.append(picture)
        machine.now = []
        self._next(machine)
        self.hand_out()

    def _release(self, machine: Machine, picture: Picture) -> None:
        self.policy.end(picture.id, machine)
        self._held[picture.client] -= 1
        if not self._held[picture.client]:
            del self._held[picture.client]

    def _rise(self, machine: Machine) -> None:
        machine.rise()
        self.policy.notice(machine)
        if self.day.lives:
            self._later(self._chance.expovariate(1 / self.day.lives), lambda: self._fall(machine))
        self.hand_out()

    def _fall(self, machine: Machine) -> None:
        lost = list(machine.held)
        machine.fall()
        self.policy.notice(machine)
        for picture in lost:
            failed = Failed(job=picture.id, error=WorkerLost.__name__, message=in_english("died"))
            self.policy.hear(machine, failed)
            self._release(machine, picture)
            picture.lost += 1
            self.queue.put_back(picture.client, picture)
        self._later(self._chance.expovariate(1 / self.day.away), lambda: self._rise(machine))
        self.hand_out()
