"""Changes of the library that are killed at each of their steps: under a model's name is all of it or nothing, and the
same once more gets there."""

import itertools
import time

import pytest

from imagine.asking.named_models import made_from
from imagine.library import keeping
from imagine.library.blobs import FOLDER, sweep_blobs
from imagine.library.creating import create, place
from imagine.library.packing import pack
from imagine.library.unpacking import unpack
from imagine.words.named_model import NamedModel
from tests.library.killed import killed_at
from tests.library.model_shapes import SHAPES, add_shaped
from tests.registry import declared
from tests.registry.listing import listed

RED = NamedModel(base="fox", negative="red")


def of_each_step(folder, prepare, act, check):
    """Kills `act(root)` at each of its steps in a fresh folder: `check(root)` holds then, and once it is done again."""
    for step in itertools.count():
        root = folder / str(step)
        prepare(root)
        killed = killed_at(step, lambda root=root: act(root))
        sweep_blobs(root, now=time.time() + 3700)
        check(root, done=not killed)
        if not killed:
            return step
        act(root)
        check(root, done=True)
        assert [path for path in root.rglob("*") if path.name.startswith(".imagine-")] == []
    raise AssertionError


def test_a_model_of_a_file_that_was_sent_is_there_with_its_sidecar_or_not_at_all(tmp_path):
    def send(root):
        path = root / FOLDER / "sha256-0"
        path.parent.mkdir(parents=True, exist_ok=True)
        return declared.write(path, declared.tiny())

    def act(root):
        if not any(entry.name == "own" for entry in listed(root).files()):
            place(root / FOLDER / "sha256-0", root / "own.safetensors", b"negative: red\n")

    def check(root, *, done):
        own = [entry for entry in listed(root).files() if entry.name == "own"]
        assert [entry.made.negative for entry in own] in ([["red"]] if done else [[], ["red"]])
        if not done:
            send(root)  # as its client does

    assert of_each_step(tmp_path, send, act, check) > 3


def test_a_named_model_is_the_old_or_the_new(tmp_path):
    def prepare(root):
        declared.write(root / "fox.safetensors", declared.tiny())
        create(listed(root), "inky", NamedModel(base="fox", negative="blue"))

    def check(root, *, done):
        assert listed(root).find("inky").made.negative in (["red"] if done else ["red", "blue"])

    assert of_each_step(tmp_path, prepare, lambda root: create(listed(root), "inky", RED), check) >= 2


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_unpacked_is_whole_or_not_there(tmp_path, shape):
    registry = listed(tmp_path / "from")
    base = add_shaped(tmp_path / "from", shape)
    registry.refresh()
    create(registry, "inky", NamedModel(base=base, negative="blue"))
    pack(registry, registry.find("inky"), tmp_path / "x.tar", weights=True)
    first = registry.with_digest(registry.find(base))

    def check(root, *, done):
        there = listed(root)
        assert not [entry.name for entry in there.files() if entry.problem]
        models = [entry for entry in there.models() if not entry.is_named]
        assert all(there.with_digest(entry).digest == first.digest for entry in models)
        assert all(entry.made == first.made for entry in models)
        assert not done or len(there.models()) == 2

    def act(root):
        assert unpack(listed(root), tmp_path / "x.tar", made_from) == "inky"

    of_each_step(tmp_path / "to", lambda root: root.mkdir(parents=True), act, check)


@pytest.mark.parametrize("change", [keeping.copy, keeping.rename])
def test_a_second_name_has_what_lies_beside_the_first(tmp_path, change):
    def prepare(root):
        add_shaped(root, "sidecar")

    def act(root):
        registry = listed(root)
        if not any(entry.name == "owl" for entry in registry.models()):
            change(keeping.find(registry, "fox"), "owl", registry)

    def check(root, *, done):
        models = {entry.name: entry.made.negative for entry in listed(root).models()}
        assert set(models.values()) == {"red"}
        assert not done or "owl" in models

    assert of_each_step(tmp_path, prepare, act, check) > 2


@pytest.mark.parametrize("shape", ["sidecar", "folder"])
def test_what_is_removed_by_halves_is_still_there_to_be_removed(tmp_path, shape):
    def act(root):
        registry = listed(root)
        if registry.files():
            keeping.remove(keeping.removal_of(keeping.find(registry, "fox"), registry), [root])

    def check(root, *, done):
        assert not done or [path for path in root.rglob("*") if path.is_file()] == []

    def prepare(root):
        root.mkdir()
        add_shaped(root, shape)

    assert of_each_step(tmp_path, prepare, act, check) > 2
