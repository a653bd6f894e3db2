"""What a model needs of a device's memory: by the pictures that are asked for, and what they are held to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..families.defaults import defaults_of
from ..families.memory import WAYS, Workload, attends, beside_bytes, bytes_of, verdict
from ..families.table import facts_of
from ..words.entry import Entry
from ..words.frames import Room
from ..words.sizes import NO_SIZES

_BATCH = 4
_ANY = Room(memory=0, width=2)
_REFERENCES = (1, 3)


def memory_of(entry: Entry, room: Room | None = None) -> dict[str, Any]:
    """Bytes of its weights and of the largest layer; and for each of some works, by what it is and with what `beside`,
    the `minimum` that it draws with, slowly, and what is `comfortable`. With `room`, that of a device, also the `way`
    that it is held there, null where it doesn't fit, and how many `other_devices` there are, which it isn't laid over;
    without, in 16 bits, as accelerators compute.

    Nothing for what is no model, or has a size that isn't known.
    """
    if entry.sizes == NO_SIZES:
        return {}
    facts, device = facts_of(entry.family), room or _ANY
    sizes = facts.sizes_of(entry.variant, entry.sizes + entry.companions)
    weights, guidance = bytes_of(sizes, device.width), defaults_of(entry).get("guidance")
    works = []
    for work, beside in _works(entry):
        needs = verdict(
            facts, sizes, work, device.memory, variant=entry.variant, guidance=guidance, width=device.width,
            left=device.left, stages=device.stages,
        )  # fmt: skip
        told = {"width": work.width, "height": work.height, "pictures": work.pictures, "beside": beside}
        told |= {"minimum": needs.minimum, "comfortable": needs.comfortable}
        works.append(told if room is None else told | {"way": needs.way})
    by_part = {"text_encoders": weights.encoders, "denoiser": weights.denoiser, "vae": weights.vae}
    made = {"weights": by_part | {"others": weights.others}, "layer": weights.layer, "works": works}
    return made if room is None else made | {"other_devices": room.others}


def memory_on(entry: Entry, rooms: Sequence[Room]) -> dict[str, Any]:
    """As `memory_of`, on the one of several devices that it fits best; without any, in 16 bits."""
    verdicts = [memory_of(entry, room) for room in sorted(set(rooms), key=lambda room: -room.memory)]
    return min(verdicts, key=_squeezed, default=None) or memory_of(entry)


def _squeezed(told: dict[str, Any]) -> int:
    """How little of it is there at once, for a picture of its own size."""
    way = told["works"][0]["way"] if told else None
    return len(WAYS) if way is None else WAYS.index(way)


def _works(entry: Entry) -> Iterator[tuple[Workload, str]]:
    side, facts = entry.resolution or 1024, facts_of(entry.family)
    usual = beside_bytes(facts, entry.variant)
    is_usual = entry.context in (0, facts.context)  # what is narrower has its own
    for each in (side, side * 3 // 2):
        for pictures in (1, _BATCH):
            yield Workload(each, each, pictures), ""
    if facts.takes_number(entry.variant):
        yield Workload(side, side, true_cfg=None), "true_cfg"
    if usual.control and is_usual:
        yield Workload(side, side, control=True), "a ControlNet"
    if (usual.reference and is_usual) or attends(facts, entry.variant):
        for count in (each for each in _REFERENCES if each <= facts.sees.get(entry.variant, each)):
            yield Workload(side, side, references=count), f"{count} reference{'s' * (count > 1)}"
