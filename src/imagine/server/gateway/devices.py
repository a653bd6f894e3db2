"""The devices of a server, one a worker: how each is, and what is held there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ...dispatch.pool import Pool
from ...dispatch.worker import BringState
from ...messages import Message
from ...words.frames import ResidentModel, Room

DeviceState = Literal["ready", "starting", "broken"]


class DeviceStatus(NamedTuple):
    """How one device is, which is never who uses it for what."""

    place: str
    """What it is called among the others."""
    device: str
    """What torch calls it; "" while that isn't known."""
    name: str
    """What it calls itself."""
    state: DeviceState
    problem: Message | None
    """Why it is broken."""
    running: int
    """Pictures that it holds."""
    restarts: int
    models: int
    size: int
    """Bytes of these."""
    memory: int | None
    """Bytes that models may take there; None where that isn't known."""
    bringing: BringState | None
    """What it has coming of the files that it lacks."""
    elsewhere: bool
    """Is it another machine's, to which what is drawn there has to go?"""


class HeldModel(NamedTuple):
    """A model on one device."""

    place: str
    on_cpu: bool
    model: ResidentModel


def devices_of(pool: Pool) -> list[DeviceStatus]:
    """Each of them, whether it works or not."""
    told = []
    for worker in pool.workers:
        ready, models = worker.ready, worker.stats.models
        state: DeviceState = "ready" if ready else "broken" if worker.broken else "starting"
        told.append(
            DeviceStatus(
                worker.place, ready.device if ready else "", ready.name if ready else "", state,
                worker.broken if state == "broken" else None, pool.running_on(worker), worker.restarts, len(models),
                sum(model.size for model in models), ready.room.memory if ready and ready.room else None,
                None if worker.brings is None else worker.brings.state, worker.away,
            )
        )  # fmt: skip
    return told


def held_on(pool: Pool) -> dict[str, list[HeldModel]]:
    """The models that are loaded, by name, and where each is."""
    held: dict[str, list[HeldModel]] = {}
    for worker in pool.workers:
        on_cpu = worker.ready is None or worker.ready.device.startswith("cpu")
        for model in worker.stats.models:
            held.setdefault(model.name, []).append(HeldModel(worker.place, on_cpu, model))
    return held


def rooms_of(pool: Pool) -> list[Room]:
    """What each device has for models, as far as it is known."""
    return [ready.room for ready in pool.ready if ready.room is not None]


def expiry_of(held: Iterable[HeldModel]) -> float | None:
    """In how many seconds the last of them goes; None: never, or one is in use."""
    left = [each.model.expires_in for each in held]
    return None if None in left else max((each for each in left if each is not None), default=None)


def told_of(held: Sequence[HeldModel]) -> dict[str, Any]:
    """A model that is loaded, as clients may know it: in all, and by device."""
    first = held[0].model
    return {
        "size": sum(each.model.size for each in held),
        "dtype": first.dtype,
        "way": first.way,
        "expires_in": expiry_of(held),
        "devices": [
            {"device": each.place, "size": each.model.size, "way": each.model.way, "expires_in": each.model.expires_in}
            for each in held
        ],
    }
