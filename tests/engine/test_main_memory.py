"""What waits in main memory for its work on a device: it goes before the machine has none left."""

import shutil
from pathlib import Path

import pytest
import torch

from imagine.engine.parts.part import parts_of
from imagine.engine.quantised.tensor import Quantised
from imagine.engine.residency import lodging
from imagine.families.memory import bytes_of
from imagine.processes import main_memory
from imagine.processes.control_group import group_memory
from imagine.words.frames import Unload, WorkerSettings
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.engine.accelerator import on
from tests.engine.running import Clock, engine_of, made, wish
from tests.engine.test_ways import sized

PLENTY = 2**50


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """In float32, so that what is computed with lies in no file."""
    path = tmp_path_factory.mktemp("wide") / "sd.safetensors"
    write_checkpoint(path, tiny_modules(), dtype=torch.float32)
    return sized(path, "first")


@pytest.fixture
def other(wide, tmp_path):
    path = tmp_path / "other.safetensors"
    shutil.copy(Path(wide.main.path), path)
    return sized(path, "second")


@pytest.fixture
def machine(monkeypatch):
    """How much main memory is left, and whether that is too little."""
    has = {"available": PLENTY, "short": False}
    monkeypatch.setattr(main_memory, "available", lambda: has["available"])
    monkeypatch.setattr(main_memory, "runs_short", lambda: has["short"])
    return has


def in_stages(card, model, **options):
    settings = WorkerSettings(device=card.device.type, keep_alive=-1, memory=round(bytes_of(model.sizes).all * 0.8))
    return engine_of(settings, **options)


def names(engine):
    return [resident.name for resident in engine.stats().models]


def families(engine):
    return [resident.family for resident in engine._models.residency._models.values()]


V1, V2 = "4:memory:/a/b\n0::/\n", "0::/a/b\n"


@pytest.mark.parametrize(
    ("own", "files", "left"),
    [
        (V2, {"a/b": ("max", 500), "a": ("1000", 700)}, (1000, 350)),
        (V2, {"a/b": ("800", 600), "a": ("1000", 700)}, (800, 250)),
        (V2, {"a/b": ("800", 100), "a": ("1000", 900)}, (800, 150)),
        (V2, {".": ("900", 100)}, (900, 850)),
        (V2, {"a/b": ("max", 500)}, None),
        (V1, {"memory/a/b": ("1000", 1100)}, (1000, 0)),
        ("of another system", {}, None),
    ],
)  # fmt: skip
def test_what_a_control_group_leaves_is_told(tmp_path, own, files, left):
    """The least of what those around allow and of what they leave, and what is kept of files is free."""
    (tmp_path / "own").write_text(own)
    for folder, (limit, usage) in files.items():
        place, old = tmp_path / "root" / folder, own == V1
        place.mkdir(parents=True, exist_ok=True)
        (place / ("memory.limit_in_bytes" if old else "memory.max")).write_text(limit)
        (place / ("memory.usage_in_bytes" if old else "memory.current")).write_text(f"{usage}\n")
        within = "total_" if old else ""
        (place / "memory.stat").write_text(f"anon 7\n{within}inactive_file 30\n{within}active_file 20\n")
    assert group_memory(tmp_path / "own", tmp_path / "root") == left


@pytest.mark.parametrize(("left", "there"), [(PLENTY, ["first", "second"]), (-1, ["second"])])
def test_who_waits_idle_leaves_for_another(accelerator, wide, other, machine, left, there):
    engine, weights = in_stages(accelerator(), wide), bytes_of(wide.sizes).all
    made(engine, wish(wide))
    assert sum(part.in_main for part in parts_of(*families(engine))) > 0.99 * weights, "it was cast"
    machine["available"] = weights + left
    report = made(engine, wish(other))
    assert names(engine) == there
    assert [note.code for note in report.warnings] == ["way.stages"]


def test_what_main_memory_has_no_room_for_stays_in_its_file(accelerator, wide, machine):
    """And is cast where it works, to the same bits."""
    plain = made(in_stages(accelerator(), wide), wish(wide)).data
    machine["available"] = 0
    engine = in_stages(accelerator(), wide)
    assert made(engine, wish(wide)).data == plain
    (family,) = families(engine)
    weights = [weight for part in parts_of(family) for weight in part.module.parameters()]
    kinds = {weight.kind for weight in weights if isinstance(weight, Quantised)}
    assert kinds == {"float32"}
    weights = bytes_of(wide.sizes)
    assert sum(part.in_main for part in parts_of(family)) < weights.all - weights.layer, "the small ones are cast"


def test_what_stays_on_the_device_is_cast_there_for_good(accelerator, wide, machine, monkeypatch):
    machine["available"] = 0
    monkeypatch.setattr(lodging, "way_for", lambda *_, **__: "encoders")
    engine = in_stages(accelerator(), wide)
    made(engine, wish(wide))
    (family,) = families(engine)
    waits = {part: any(isinstance(each, Quantised) for each in part.module.parameters()) for part in parts_of(family)}
    encoders = family.parts("encode")
    assert waits == {part: part in encoders for part in waits}


def test_who_waits_idle_leaves_where_others_need_the_memory(accelerator, wide, machine):
    clock = Clock()
    engine = in_stages(accelerator(), wide, clock=clock)
    made(engine, wish(wide))
    clock.now = engine.expire(clock.now)
    engine.expire(clock.now)
    looks_at = engine.expire(clock.now)
    assert looks_at > clock.now, "somebody else may take it meanwhile"
    assert names(engine) == ["first"]
    machine["short"], clock.now = True, looks_at
    assert engine.expire(clock.now) is None, "there is nothing left to look after"
    assert names(engine) == []


def test_pages_that_cannot_be_swapped_out_go_with_their_model(accelerator, wide, machine):
    card = accelerator()
    engine = on(card, memory=round(bytes_of(wide.sizes).all * 0.35), cuda_graphs=False)
    made(engine, wish(wide))
    assert card.host_used > 2**20, "layers come from there"
    taken = sum(part.in_main for part in parts_of(*families(engine)))
    assert taken > 0.99 * bytes_of(wide.sizes).all, "and they count, too"
    engine.unload(Unload(job="u", model="first"))
    assert card.host_reserved == card.host_used < 2**20


def test_blocks_that_layers_come_into_are_nobody_elses_before_copies_end(accelerator, wide):
    """Even where their network goes without a word: they are told apart by the queue that copies into them."""
    card = accelerator()
    made(on(card, memory=round(bytes_of(wide.sizes).all * 0.35)), wish(wide))
    assert card.recorded
