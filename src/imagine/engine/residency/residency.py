"""Which models are on the device, and which go first when room is needed or their time is up.

A model goes with its parts, but for those that another is made of as well: they go with the last.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from ...words.frames import ResidentModel
from ...words.model import Model
from ..parts.part import Held, ModulePart, Part, nbytes_of, parts_of
from ..parts.part_key import is_of
from ..whole.pipeline import Whole
from .remains import Remains
from .resident import Resident


class Extras(Protocol):
    """What is there beside models, and goes before any of them does."""

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""

    def make_way(self) -> bool:
        """Let go of some of it; False where there is none that can go."""


class Residency:
    """The resident models, by identity."""

    def __init__(self, release: Callable[[], None], extras: Extras) -> None:
        """`release` gives freed memory back to the device."""
        self._release, self._extras = release, extras
        self._models: dict[str, Resident] = {}
        self._remains = Remains()

    def find(self, key: str) -> Resident | None:
        return self._models.get(key)

    def add(self, key: str, resident: Resident) -> None:
        self._models[key] = resident
        self._remains.forget(lambda model, _: model.identity == key)

    def remove(self, key: str) -> None:
        self._models.pop(key).watch.close()
        self._freed()

    def _freed(self) -> None:
        gc.collect()
        self._release()

    def leave(self, job: str, now: float) -> None:
        """`job` uses no model any more; those that waited for it to end go."""
        for key, resident in list(self._models.items()):
            if job in resident.users:
                resident.users.discard(job)
                resident.last_used = now
                if resident.leaving and not resident.users:
                    self.remove(key)

    def unload(self, name: str) -> None:
        """The models of that name go, now or with the last job that uses them, and what is left of any."""
        for key in self.named(name):
            self.dismiss(key)
        if self._remains.forget(lambda model, _: model.name == name):
            self._freed()

    def dismiss(self, key: str) -> None:
        """It goes now, or with the last job that uses it."""
        self._models[key].leaving = True
        if not self._models[key].users:
            self.remove(key)
            self._restore()

    def _restore(self) -> None:
        """A model went that nobody had to make way for: the others may have back what they gave."""
        for part in self._parts():
            part.restore()

    def supersede(self, model: Model) -> None:
        """What was loaded from the same paths when other files lay there goes, now or with its last job."""
        for key, resident in list(self._models.items()):
            if _is_replaced(resident.model, model):
                self.dismiss(key)
        if self._remains.forget(lambda left, _: _is_replaced(left, model)):
            self._freed()

    def leaving(self, name: str) -> bool:
        """Is a model of that name yet to go?"""
        return any(self._models[key].leaving for key in self.named(name))

    def evict(self, sparing: Collection[str] = (), pinned: Collection[Part] = (), *, whole: bool = False) -> bool:
        """Let go of what is beside models, else of a part: of a model that made way before, else of the least recently
        used one that no job uses.

        What is left of it stays until it is wanted, unless the `whole` model is to go. False where there is nothing but
        models of `sparing`, or of which others hold all parts or they are `pinned`, so that no room would be made.
        """
        if self._extras.make_way() or self._drop(pinned, whole=whole):
            self._freed()
            return True
        for key in self._able(sparing, pinned):
            own = self._own(key, pinned)
            if not whole:
                self._remains.add(self._models[key].model, own[1:], self._models[key].expires)
            going = bool(own)
            del own  # or nothing would go
            self.remove(key)
            if going:
                return True
        return False

    def relieve(self, sparing: Collection[str] = (), pinned: Collection[Part] = ()) -> bool:
        """Let go of what takes main memory, for the machine's sake: of what is beside models, else of what is left of
        them, else of the least recently used one that takes some and no job uses. False where there is none."""
        left = any(part.in_main for part in self._remains.parts)
        if self._extras.make_way() or (left and self._drop(pinned, whole=True)):
            self._freed()
            return True
        taking = (key for key in self._able(sparing, pinned) if any(part.in_main for part in self._own(key, pinned)))
        if (going := next(taking, None)) is None:
            return False
        self.remove(going)
        return True

    def _drop(self, pinned: Collection[Part], *, whole: bool) -> bool:
        """Let go of the next of what is left of models, or the `whole` of it; False where nothing of it would go."""
        stay = [*self._parts(), *pinned]
        dropped = self._remains.drop(stay)
        while whole and self._remains.drop(stay):
            pass
        return dropped

    def _able(self, sparing: Collection[str], pinned: Collection[Part]) -> list[str]:
        """The models that can go and would leave room, together if not alone: the least recently used first."""
        idle = [key for key in self.idle if key not in sparing]
        stay = [*self._parts(self._models.keys() - set(idle)), *pinned]
        able = [key for key in idle if any(part not in stay for part in self._parts([key]))]
        return sorted(able, key=lambda key: self._models[key].last_used)

    def _own(self, key: str, pinned: Collection[Part]) -> list[Part]:
        """The parts that would go with a model."""
        stay = [*self._parts(self._models.keys() - {key}), *pinned]
        return [part for part in self._parts([key]) if part not in stay]

    def _parts(self, keys: Collection[str] | None = None) -> list[Part]:
        """The parts of the models of `keys`, of all of them for None; each once."""
        models = list(self._models.items())  # at once: threads that open models or preview ask for `nbytes` too
        return parts_of(*(resident.family for key, resident in models if keys is None or key in keys))

    def held(self, model: Model) -> Held:
        """The resident parts that are of this model's files."""
        parts = [*self._parts(), *self._remains.parts]
        return {
            part.key: part
            for part in parts
            if part.key is not None and isinstance(part, ModulePart) and is_of(part.key, model)
        }

    def expire(self, now: float, wanted: Collection[str] = ()) -> float | None:
        """Let go what has run out at `now` and isn't `wanted`; says when the next one does."""
        open_end = {key: resident for key, resident in self._models.items() if key not in wanted}
        for key, resident in open_end.items():
            if resident.expires <= now:
                self.remove(key)
                self._restore()
        if self._remains.forget(lambda model, expires: expires <= now and model.identity not in wanted):
            self._freed()
            self._restore()
        left = [resident.expires for key, resident in open_end.items() if key in self._models]
        nearest = min([*left, self._remains.nearest])
        return None if math.isinf(nearest) else nearest

    def named(self, name: str) -> list[str]:
        """The keys of the resident models of that name."""
        return [key for key, resident in self._models.items() if resident.model.name == name]

    @property
    def idle(self) -> list[str]:
        """The keys of the models that no job uses."""
        return [key for key, resident in self._models.items() if not resident.users]

    @property
    def in_use(self) -> frozenset[str]:
        """The keys of the models that a job uses."""
        return frozenset(key for key, resident in self._models.items() if resident.users)

    def nbytes(self, pinned: Collection[Part] = ()) -> int:
        """Bytes of all parts, each once, and of what is beside models: the models', what is left of others, and those
        that are `pinned`."""
        return _sum([*self._parts(), *self._remains.parts, *pinned]) + self._extras.nbytes

    @property
    def in_main(self) -> bool:
        """Do models, or what is left of them, take main memory that isn't their files'?"""
        return any(part.in_main for part in [*self._parts(), *self._remains.parts])

    def nbytes_of(self, keys: Collection[str], pinned: Collection[Part]) -> int:
        """Bytes of the models of `keys` and of the parts that are `pinned`, each once."""
        return _sum([*self._parts(keys), *pinned])

    def report(self, now: float) -> list[ResidentModel]:
        return [
            ResidentModel(
                name=r.model.name,
                digest=r.model.digest,
                identity=r.model.identity,
                dtype=r.family.dtype,
                size=nbytes_of(r.family),
                way=r.family.way if isinstance(r.family, Whole) else r.way,
                expires_in=None if math.isinf(r.expires) else max(0.0, r.expires - now),
            )
            for r in self._models.values()
        ]


def _sum(parts: Sequence[Part]) -> int:
    return sum(part.nbytes for part in {id(part): part for part in parts}.values())


def _is_replaced(before: Model, now: Model) -> bool:
    """Do other files lie at its paths now?"""
    old, new = before.stamps, now.stamps
    return any(old[path] != new[path] for path in old.keys() & new.keys())
