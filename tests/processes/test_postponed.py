"""Imports that wait: what is used is the real thing, what isn't is never imported, and nothing is left behind."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagine.processes.postponed import postponed, refused

CELLAR = "class Barrel:\n    def full(self): return True\ndef count(n): return n + 1\n"
HALL = """
import cellar
import cellar.deep
from cellar import Barrel, count
from cellar.deep import well
def look(it: Barrel | None) -> bool: return isinstance(it, Barrel)
def draw(): return cellar.deep.well(), count(2), Barrel().full()
"""
HOUSE = {
    "cellar/__init__.py": CELLAR,
    "cellar/deep.py": "def well(): return 'water'\n",
    "hall.py": HALL,
    "eager.py": "from cellar import count\nCOUNTED = count(1)\n",
    "heir.py": "from cellar import Barrel\nclass Cask(Barrel): pass\n",
    "porch.py": "try:\n    from cellar import count\nexcept ImportError:\n    count = None\n",
    "wing/__init__.py": "from .west import room\nfrom .east import window\n",
    "wing/west.py": "room = 'west'\n",
    "wing/east.py": "window = 'east'\n",
    "guest.py": "from wing.west import room\n",
}


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules to import, which no other test has."""
    for name, text in HOUSE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def cellars() -> list[str]:
    return sorted(name for name in sys.modules if name.partition(".")[0] == "cellar")


def test_what_is_used_is_the_real_thing_and_what_is_not_is_not_imported() -> None:
    with postponed("cellar"):
        hall = importlib.import_module("hall")
    assert cellars() == []
    assert hall.count(4) == 5
    assert cellars() == ["cellar"]
    assert hall.draw() == ("water", 3, True)
    assert cellars() == ["cellar", "cellar.deep"]
    real = importlib.import_module("cellar")
    assert hall.cellar.Barrel is real.Barrel
    assert hall.look(real.Barrel())
    assert not hall.look(None)
    assert issubclass(real.Barrel, hall.Barrel)


@pytest.mark.parametrize("module", ["eager", "heir"])
def test_who_uses_it_while_it_is_imported_gets_it(module: str) -> None:
    with postponed("cellar"):
        made = importlib.import_module(module)
        assert cellars() == ["cellar"]
    real = importlib.import_module("cellar")
    assert getattr(made, "COUNTED", 2) == 2
    assert module == "eager" or made.Cask.__bases__ == (real.Barrel,)


def test_what_was_imported_before_stays() -> None:
    real = importlib.import_module("cellar")
    with postponed("cellar"), refused("cellar"):
        assert importlib.import_module("hall").Barrel is real.Barrel
    assert sys.modules["cellar"] is real


def test_a_package_runs_when_something_is_wanted_that_is_not_there() -> None:
    with postponed(packages=["wing"]):
        assert importlib.import_module("guest").room == "west"
    assert "wing.east" not in sys.modules
    wing = importlib.import_module("wing")
    assert wing.west is sys.modules["wing.west"]
    assert wing.window == "east"
    assert (wing.room, wing.__file__.endswith("__init__.py")) == ("west", True)


def test_what_is_nowhere_is_missed_as_ever() -> None:
    with postponed("attic"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("attic")


def test_what_is_refused_is_done_without_and_there_afterwards() -> None:
    with refused("cellar"):
        assert importlib.import_module("porch").count is None
    assert importlib.import_module("cellar").count(1) == 2


def test_nothing_is_left_of_a_block_that_fails() -> None:
    finders = list(sys.meta_path)
    with pytest.raises(ModuleNotFoundError), postponed("cellar"), refused("wing"):
        importlib.import_module("guest")
    assert sys.meta_path == finders
    assert not {"cellar", "cellar.deep", "wing"} & sys.modules.keys()
