"""Models for those who wait for one: opened one at a time, with room made first, within the budget.

Idle models make room, the least recently used first, part by part. Where models in use leave none, the one that is
asked for waits: its jobs aren't failed, and whoever comes later for a model that is there waits behind them (see
`engine`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ...messages import message
from ...processes import main_memory
from ...words.errors import ModelChanged, OutOfMemory
from ...words.model import Component, Model
from ..device.device import Device
from ..parts.part import Part
from ..parts.part_key import is_read
from ..whole.pipeline import Whole
from .lodging import Lodging
from .opening import Opening, OpenModel
from .residency import Extras, Residency
from .resident import Resident

MeasureBytes = Callable[[Sequence[Component]], int]
"""About how many bytes these components of a model will take."""


class Models:
    """The resident models (`residency`) and the one that is being opened (`opening`)."""

    def __init__(
        self, device: Device, open_model: OpenModel, measure: MeasureBytes, keep_alive: float,
        clock: Callable[[], float], extras: Extras,
    ) -> None:  # fmt: skip
        """`keep_alive` in seconds; `extras` are what is there beside models."""
        self._device, self._open, self._measure = device, open_model, measure
        self._keep_alive, self._clock = keep_alive, clock
        self.residency = Residency(device.release, extras)
        device.floor.room = lambda: device.budget() - (self.residency.nbytes() - device.floor.nbytes)
        self.opening: Opening | None = None
        self._sparing: Collection[str] = ()
        self._in_the_way: frozenset[str] = frozenset()
        """The models in use when the device last refused another: until one of them is idle there is no use in
        trying."""

    def find(self, model: Model) -> Resident | None:
        """The model, if it is there for new jobs too."""
        resident = self.residency.find(model.identity)
        return None if resident is None or resident.leaving else resident

    def bring(self, model: Model, sparing: Collection[str]) -> bool:
        """Begin to open a model, with room made; False when it has to wait. `sparing`: what isn't to make way."""
        if self.opening is not None:
            return self.opening.model.identity == model.identity
        held = self.residency.held(model)  # before what holds it may go
        self.residency.supersede(model)
        if self.residency.find(model.identity) is not None:
            return False
        plan = Lodging(model, self._device)
        if not plan.refused and not self._room(model, sparing, held.values(), plan):
            return False
        self._main_room(plan, sparing, held.values())
        self.opening, self._sparing = Opening(model, self._open, self._device, held, plan), sparing
        return True

    def settle(self) -> None:
        """Take in what has been opened. Raises what went wrong with it."""
        opening = self.opening
        if opening is None or not opening.done:
            return
        self.opening = None
        family = opening.family
        if family is None:
            self._make_way(opening.model, opening.held.values())
        else:
            resident = Resident(opening.model, family, self._keep_alive, self._clock(), opening.watch)
            if not isinstance(family, Whole):  # which has ways of its own
                resident.way, resident.news = opening.plan.way, opening.plan.told
            self.residency.add(opening.model.identity, resident)
            self.shrink([opening.model.identity, *self._sparing])

    def stop(self) -> None:
        """The model that is being opened is not wanted any more."""
        if self.opening is not None:
            self.opening.stop()
            self.opening = None

    def use(self, model: Model, job: str, keep_alive: float | None) -> Resident:
        """The resident model, with `job` for a user. None of `keep_alive` is the worker's own."""
        resident = self.touch(model, keep_alive)
        resident.users.add(job)
        return resident

    def touch(self, model: Model, keep_alive: float | None) -> Resident:
        """The resident model, as asked for now."""
        resident = self.residency.find(model.identity)
        assert resident is not None, "a model that was asked for was let go"
        resident.last_used = self._clock()
        resident.keep_alive = self._keep_alive if keep_alive is None else keep_alive
        return resident

    def check(self, key: str) -> None:
        """Raises ModelChanged where somebody wrote into the files of a resident model; it takes no new jobs then."""
        resident = self.residency.find(key)
        assert resident is not None, "a model in use was let go"
        try:
            resident.watch.check()
        except ModelChanged:
            resident.leaving = True
            raise

    def _room(self, model: Model, sparing: Collection[str], held: Collection[Part], plan: Lodging) -> bool:
        """Make room for the files of the model that nothing is `held` of, which stays; False where there won't be."""
        residency = self.residency
        if self._in_the_way and self._in_the_way <= residency.in_use:
            return False
        self._in_the_way = frozenset()
        keys = [part.key for part in held if part.key is not None]
        need = self._measure([component for component in model.components if not is_read(component, keys)])
        if plan.way != "all":  # else what its files are, which is told of more models
            need = plan.weights
        stays = residency.nbytes_of([*residency.in_use, *sparing], held)
        if residency.in_use and stays + need > self._device.budget():
            return False
        if residency.nbytes(held) + need > self._device.budget():
            self._device.floor.clear()  # who comes and goes needn't be read again
        while residency.nbytes(held) + need > self._device.budget() and residency.evict(sparing, held):
            pass
        return True

    def _main_room(self, plan: Lodging, sparing: Collection[str], held: Collection[Part]) -> None:
        """Make room in main memory for what is to wait there; where there won't be, it stays in its files."""
        need = plan.waiting - sum(part.in_main for part in held)
        while plan.waiting and main_memory.available() < need:
            if not self.residency.relieve(sparing, held):
                plan.short = True
                return

    def relieve(self, sparing: Collection[str]) -> None:
        """Let idle models go for as long as the machine runs short of main memory, but for those of `sparing`."""
        while main_memory.runs_short() and self.residency.relieve(sparing):
            pass

    def _make_way(self, model: Model, held: Collection[Part]) -> None:
        """The device refused: an idle model goes, or there is waiting for one in use. Raises OutOfMemory."""
        dropped = self._device.drop_recordings()
        self._device.release()
        if dropped:
            return
        if self.residency.evict(self._sparing, held, whole=True):
            return
        self._in_the_way = self.residency.in_use
        if not self._in_the_way:
            raise OutOfMemory(message("memory.model", name=model.name))

    def shrink(self, sparing: Collection[str]) -> None:
        """Let idle models go, and what is beside models, until the rest is within the budget."""
        while self.residency.nbytes() > self._device.budget() and self.residency.evict(sparing):
            pass
