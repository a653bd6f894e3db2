"""Which models are on the device, and which go first when room is needed or their time is up.

A model goes with its parts, but for those that another is made of as well: they go with the last.
"""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ...words.frames import ResidentModel
from ...words.model import Model
from ..parts.part import Held, ModulePart, Part, nbytes_of, parts_of
from ..parts.part_key import is_of
from ..parts.slices import whole
from .opening import LoadedModel
from .preview import LinearPreview, fit
from .watch import Watch


@dataclass
class Resident:
    """A model on the device, the jobs that use it, and when it may go."""

    model: Model
    family: LoadedModel
    keep_alive: float
    """Seconds after its last use; negative: for ever."""
    last_used: float
    watch: Watch
    users: set[str] = field(default_factory=set)
    leaving: bool = False
    """It goes with its last user, and takes no new ones."""
    _preview: LinearPreview | None = None
    _fitting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def expires(self) -> float:
        """The time at which it goes, unless used again: infinity while in use or kept for ever."""
        return math.inf if self.users or self.keep_alive < 0 else self.last_used + self.keep_alive

    @property
    def preview(self) -> LinearPreview:
        """Its map from latents to colours, fitted at first use: from any thread."""
        with self._fitting:
            if self._preview is None:
                self._preview = fit(
                    lambda pixels: whole(self.family.encode_picture(pixels)).values, self.family.downscale
                )
            return self._preview


class Residency:
    """The resident models, by identity."""

    def __init__(self, release: Callable[[], None]) -> None:
        """`release` gives freed memory back to the device."""
        self._release = release
        self._models: dict[str, Resident] = {}

    def find(self, key: str) -> Resident | None:
        return self._models.get(key)

    def add(self, key: str, resident: Resident) -> None:
        self._models[key] = resident

    def remove(self, key: str) -> None:
        self._models.pop(key).watch.close()
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

    def dismiss(self, key: str) -> None:
        """It goes now, or with the last job that uses it."""
        self._models[key].leaving = True
        if not self._models[key].users:
            self.remove(key)
            self._restore()

    def _restore(self) -> None:
        """A model went that nobody had to make way for: the others may have back what they gave."""
        for part in parts_of(*(resident.family for resident in self._models.values())):
            part.restore()

    def supersede(self, model: Model) -> None:
        """What was loaded from the same paths when other files lay there goes, now or with its last job."""
        now = model.stamps
        for key, resident in list(self._models.items()):
            before = resident.model.stamps
            if any(before[path] != now[path] for path in before.keys() & now.keys()):
                self.dismiss(key)

    def leaving(self, name: str) -> bool:
        """Is a model of that name yet to go?"""
        return any(self._models[key].leaving for key in self.named(name))

    def evict(self, sparing: Collection[str] = (), pinned: Collection[Part] = ()) -> bool:
        """Let the least recently used model go that no job uses; False when there is none but those of `sparing`.

        One whose parts all stay, since others hold them or they are `pinned`, would make no room.
        """
        idle = [key for key in self.idle if key not in sparing and self._alone(key, pinned)]
        if not idle:
            return False
        self.remove(min(idle, key=lambda key: self._models[key].last_used))
        return True

    def _alone(self, key: str, pinned: Collection[Part]) -> bool:
        """Would some of its parts go with a model?"""
        others = (resident.family for other, resident in self._models.items() if other != key)
        stay = {id(part) for part in (*parts_of(*others), *pinned)}
        return any(id(part) not in stay for part in parts_of(self._models[key].family))

    def held(self, model: Model) -> Held:
        """The resident parts that are of this model's files."""
        parts = parts_of(*(resident.family for resident in self._models.values()))
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
        nearest = min((r.expires for key, r in open_end.items() if key in self._models), default=math.inf)
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

    def nbytes(self, keys: Collection[str] | None = None, pinned: Collection[Part] = ()) -> int:
        """Bytes that the models of `keys` hold, all of them for None, and the parts that are `pinned`; each once."""
        parts = parts_of(*(r.family for key, r in self._models.items() if keys is None or key in keys))
        return sum(part.nbytes for part in {id(part): part for part in (*parts, *pinned)}.values())

    def report(self, now: float) -> list[ResidentModel]:
        return [
            ResidentModel(
                name=r.model.name,
                digest=r.model.digest,
                identity=r.model.identity,
                family=r.family.name,
                dtype=r.family.dtype,
                size=nbytes_of(r.family),
                expires_in=None if math.isinf(r.expires) else max(0.0, r.expires - now),
            )
            for r in self._models.values()
        ]
