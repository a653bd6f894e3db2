"""The house kept in order: rooms, names, and nothing that nobody uses. A room is a folder, or a module at the top.

What a file imports within a function or for its types it knows as well, so that counts like any other import.
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests import sources
from tests.unset import unset
from tests.unused import unused

ROOF = 8
"""Modules directly in the package: more, and they are a room that nobody has named."""
FLOORS = 11
"""Rooms on the longest way of imports."""
MEDIAN, P90 = 6, 15
"""Lines of functions, decorators and docstrings counted: as short as starlette's and httpx's."""

HOOKS = {
    "asyncio.SubprocessProtocol": (
        "connection_made", "pipe_data_received", "pipe_connection_lost", "process_exited", "connection_lost"
    ),
    "click.Group": ("list_commands", "get_command", "resolve_command", "format_commands"),
    "click.Command": ("parse_args",),
    "click.types.IntParamType": ("convert",),
    "click.types.FloatParamType": ("convert",),
    "click.ClickException": ("show", "format_message"),
    "BashComplete": ("get_completion_args",),
    "web.RequestHandler": (
        "connection_made", "connection_lost", "data_received", "finish_response", "handle_error"
    ),
    "web.AppRunner": ("_make_server",),
    "AbstractResource": ("resolve", "url_for", "add_prefix", "get_info", "raw_match"),
    "string.Formatter": ("get_value", "format_field"),
    "logging.Handler": ("emit",),
    "logging.Formatter": ("format",),
    "http.client.HTTPConnection": ("connect",),
    "Collector": ("collect",),
    "DPMSolverMultistepScheduler": ("multistep_dpm_solver_third_order_update",),
    "LMSDiscreteScheduler": ("get_lms_coefficient",),
    "UniPCMultistepScheduler": ("multistep_uni_p_bh_update", "multistep_uni_c_bh_update"),
}  # fmt: skip
"""Methods that a library calls on those who inherit from it."""

USED_FROM_OUTSIDE = {
    "main": "where a process begins",
    "command": "a command's file is imported by its name",
    "EXITS": "the table of exit statuses in the documentation",
    "text_of": "tools/binary/pack.py writes the index that the binary reads",
    "lines_of": "tools/binary/pack.py writes the index that the binary reads",
    "_LOADED": "holds modules that must be imported before files are forbidden",
    "ThirdOrderSdeScheduler": "the table of samplers names its class",
    "LinearMultistepScheduler": "the table of samplers names its class",
    "PredictorCorrectorScheduler": "the table of samplers names its class",
    "_Finder.create_module": "Python calls it to import what it found",
    "_Package.__class__": "Python looks there",
    "Events.aclose": "contextlib.aclosing calls it",
    "EventStream.aclose": "contextlib.aclosing calls it",
    "FamilyFacts.published": "the table of families in the documentation",
    "Adapter._file": "has the file there for as long as an adapter that was read of it",
    "map_from": "who trains controls makes maps to learn from, all at once",
    "LayerMark.full_precision_matrix_mult": "files say it, and it changes nothing here",
    "LayerMark.orig_dtype": "files say it, and it changes nothing here",
    "Entry.prediction_source": "told by its name, as all that `shown` lists",
    "Fields.reference_images": "read by its name, as all pictures of a request",
    "PartDigests.text_encoder": "told by its name, as all that a model is made of",
    "PartDigests.text_encoder_2": "told by its name, as all that a model is made of",
    "PartDigests.text_encoder_3": "told by its name, as all that a model is made of",
    "Settings.api_key_file": "read before there are settings: its content is their `api_key`",
    "Child.pid": "tests end the process by it",
    "ProcessWorker.pid": "tests end the process by it",
    "Decoder.pid": "tests end the process by it",
    "GuardProcess.pid": "tests end the process by it",
    "GuardProcess.settled": "tests, and who measures, wait for it",
}
"""What nothing in the package uses, and why it is there."""
SET_FROM_OUTSIDE = {
    "Limits": "times are arguments, so that tests needn't wait",
    "Restarts": "times are arguments, so that tests needn't wait",
    "LinkLimits": "times are arguments, so that tests needn't wait",
    "PeerTerms": "ways and times are arguments, so that tests needn't wait",
    "GuardPatience": "times are arguments, so that tests needn't wait",
    "Patience": "times are arguments, so that tests needn't wait",
    "Persistence": "times are arguments, so that tests needn't wait",
    "Manners": "times are arguments, so that tests needn't wait",
    "FetchRoom": "disks are arguments, so that tests needn't fill one",
    "Library.free": "disks are arguments, so that tests needn't fill one",
    "WorkerSettings.heartbeat": "times are arguments, so that tests needn't wait",
}
"""Fields, or whole classes of them, that nothing in the package gives a value, and why they are there."""


def room(path: Path) -> str:
    """The room that a file lies in."""
    inside = path.relative_to(sources.PACKAGE)
    return inside.parent.as_posix() if len(inside.parts) > 1 else inside.stem


def arrows() -> dict[str, dict[str, list[str]]]:
    """Of every room, the rooms that it knows, with the imports by which it does."""
    known = sources.modules()
    found: dict[str, dict[str, list[str]]] = {room(path): {} for path in known.values()}
    for path in known.values():
        for module in dict.fromkeys(target[0] for target, _ in sources.imported(path)):
            here, there = room(path), room(known[module])
            if here != there:
                found[here].setdefault(there, []).append(f"{path} imports {module}")
    return found


def circles(known: dict[str, dict[str, list[str]]]) -> list[set[str]]:
    """Rooms that know each other, each by whatever way."""
    reached = {here: set(there) for here, there in known.items()}
    for via in known:  # Warshall's closure
        for there in reached.values():
            if via in there:
                there |= reached[via]
    found = {frozenset(there for there in reached[here] if here in reached[there]) for here in known}
    return sorted((set(circle) for circle in found if circle), key=sorted)


def longest(known: dict[str, dict[str, list[str]]]) -> list[str]:
    """The longest way from a room to one that it knows, and so on. There must be no circle."""
    ways: dict[str, list[str]] = {}

    def way(here: str) -> list[str]:
        if here not in ways:
            ways[here] = [here, *max((way(there) for there in known[here]), key=len, default=[])]
        return ways[here]

    return max((way(here) for here in known), key=len)


def test_few_modules_lie_at_the_top() -> None:
    assert len(loose := [path.name for path in sources.PACKAGE.glob("*.py")]) <= ROOF, loose


def test_no_rooms_know_each_other() -> None:
    known = arrows()
    told = [
        f"{here} → {there}: {line}"
        for circle in circles(known)
        for here in sorted(circle)
        for there in sorted(circle & known[here].keys())
        for line in known[here][there]
    ]
    assert told == [], "\n".join(told)


def test_no_way_of_imports_is_longer_than_the_house_is_high() -> None:
    known = arrows()
    assert circles(known) == []
    way = longest(known)
    assert len(way) <= FLOORS, " → ".join(way)


def test_circles_and_ways_are_seen() -> None:
    ring = {"a": {"b": []}, "b": {"c": []}, "c": {"b": []}, "d": {}}
    assert circles(ring) == [{"b", "c"}]
    assert longest({"a": {"b": [], "c": []}, "b": {"c": []}, "c": {}}) == ["a", "b", "c"]
    assert arrows()["worker"].keys() & {"engine"}


def types() -> Iterator[tuple[str, str]]:
    """Every class and every name for a type that stands at the top of a module, and where."""
    for path in sources.files():
        for node in sources.tree(path).body:
            if isinstance(node, ast.ClassDef):
                yield node.name, f"{path}:{node.lineno}"
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name.lstrip("_")[0].isupper() and not name.isupper():
                    yield name, f"{path}:{node.lineno}"


def test_one_name_means_one_type() -> None:
    places: dict[str, list[str]] = {}
    for name, place in types():
        places.setdefault(name.lstrip("_"), []).append(place)
    assert {name: several for name, several in places.items() if len(several) > 1} == {}


def test_every_definition_is_used() -> None:
    dead = unused(sources.PACKAGE, USED_FROM_OUTSIDE, HOOKS)
    assert dead == {}, "\n".join(f"{place} {key[1]}" for key, place in dead.items())


def test_every_field_is_given_a_value_somewhere() -> None:
    dead = {
        key: place
        for key, place in unset(sources.PACKAGE).items()
        if not SET_FROM_OUTSIDE.keys() & {key[1], key[1].partition(".")[0]}
    }
    assert dead == {}, "\n".join(f"{place} {key[1]}" for key, place in dead.items())


HOUSE = """
from .cellar import Barrel, shelf

class Door:
    def open(self): return self._turn()
    def knock(self): return self.knock()
    def _turn(self): return shelf
    def ring(self): self.rung += 1

def first(): return Door().open()
def second(): return third()
def third(): return second()
def shelf_of(lost): return lost
UNSEEN = first()
Barrel(wine=1).wine
"""
CELLAR = """
from typing import NamedTuple
shelf = lost = 1

class Barrel(NamedTuple):
    wine: int = 0
    water: int = 0
"""


def test_what_is_dead_is_found(tmp_path: Path) -> None:
    package = tmp_path / "house"
    package.mkdir()
    (package / "hall.py").write_text(HOUSE)
    (package / "cellar.py").write_text(CELLAR)
    dead = ["Barrel.water", "Door.knock", "Door.ring", "Door.rung", "UNSEEN", "lost", "second", "shelf_of", "third"]
    assert sorted(key[1] for key in unused(package)) == dead
    assert "shelf_of" not in {key[1] for key in unused(package, ["shelf_of"])}
    assert [key[1] for key in unset(package)] == ["Barrel.water"]


def test_the_exceptions_are_needed() -> None:
    names = {key[1] for key in unused(sources.PACKAGE)} | {"main"}
    assert USED_FROM_OUTSIDE.keys() <= names
    never = {part for key in unset(sources.PACKAGE) for part in (key[1], key[1].partition(".")[0])}
    assert SET_FROM_OUTSIDE.keys() <= never


def absolute() -> Iterator[str]:
    """Where a module of ours is imported by its whole name."""
    for path in sources.files():
        for node in sources.nodes(path):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.partition(".")[0] == sources.PACKAGE.name for name in names):
                yield f"{path}:{node.lineno}"


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest knows them by their names alone, and would run the first of them only."""
    seen = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(set(seen)) == len(seen)


def test_imports_of_our_own_are_relative() -> None:
    assert list(absolute()) == []


def test_functions_are_short() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for path in sources.files() for node in sources.nodes(path) if isinstance(node, kinds)]
    lines = [
        node.end_lineno - min([node.lineno, *(part.lineno for part in node.decorator_list)]) + 1 for node in functions
    ]
    assert statistics.median(lines) <= MEDIAN
    assert statistics.quantiles(lines, n=10)[-1] <= P90
