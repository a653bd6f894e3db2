"""Fields of a package's structs, tuples and dataclasses that keep their default, since nothing gives another."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests import sources
from tests.unused import Definitions, Key, definitions, relatives, resolve

_MADE = ("Struct", "NamedTuple", "dataclass")
_DECODES = ("decode", "Decoder", "convert", "checked", "_decoded")
_COPIES = ("replace", "_replace", "dict")
_MUTATIONS = ("append", "extend", "add", "update", "setdefault")


@cache
def unset(package: Path) -> dict[Key, str]:
    """Every field with a default that is never given, and where it stands (`path:line`).

    Given is what a call of the class names or passes by place, what is assigned or filled later, and what goes into a
    copy (`replace`). A class that is handed to a decoder gets its fields from outside, and those of its
    fields' classes with it.
    """
    known = definitions(package)
    related = relatives(known)
    calls, decoded = _calls(package, known), _decoded(package, known)
    copied, assigned = _copied(package), _assigned(package)
    return {
        (key[0], f"{key[1]}.{name}"): f"{sources.modules(package)[key[0]]}:{line}"
        for key, node in _classes(package)
        if key not in decoded
        for at, (name, line, has_default) in enumerate(_fields(node))
        if has_default and not name.startswith("_") and name not in copied
        if _is_frozen(node) or name not in assigned
        if (made := [call for other in related[key] for call in calls.get(other, [])])
        if not any(_gives(call, name, at) for call in made)
    }


def _classes(package: Path) -> Iterator[tuple[Key, ast.ClassDef]]:
    """The classes that are made of fields: those of a base that is, too."""
    found: set[str] = set()
    nodes = [
        (sources.module(path, package), node)
        for path in sources.files(package)
        for node in sources.tree(path).body
        if isinstance(node, ast.ClassDef)
    ]
    for _ in range(3):  # an event of an event of a struct
        for _module, node in nodes:
            words = " ".join(map(ast.unparse, [*node.bases, *node.decorator_list])).replace("(", " ").split()
            if any(word.rpartition(".")[2] in (*_MADE, *found) for word in words):
                found.add(node.name)
    yield from (((module, node.name), node) for module, node in nodes if node.name in found)


def _fields(node: ast.ClassDef) -> list[tuple[str, int, bool]]:
    return [
        (part.target.id, part.lineno, part.value is not None)
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    ]


def _gives(call: ast.Call, name: str, at: int) -> bool:
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    return starred or len(call.args) > at or any(word.arg in (name, None) for word in call.keywords)


def _calls(package: Path, known: Definitions) -> dict[Key, list[ast.Call]]:
    """Where every class is called."""
    found: dict[Key, list[ast.Call]] = {}
    for module, node in _nodes(package):
        if isinstance(node, ast.Call):
            for key in _meant(module, node.func, known):
                found.setdefault(key, []).append(node)
    return found


def _meant(module: str, node: ast.expr, known: Definitions) -> Iterator[Key]:
    """The classes that an expression names: `Class` or `module.Class`."""
    if isinstance(node, ast.Name):
        yield from (key for key in resolve((module, node.id), known) if key[1])
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        for holder in resolve((module, node.value.id), known):
            if not holder[1]:
                yield from resolve((holder[0], node.attr), known)


def _decoded(package: Path, known: Definitions) -> set[Key]:
    """The classes that are handed to a decoder, and those that their fields are declared with."""
    found = {
        key
        for module, node in _nodes(package)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _DECODES
        for argument in (*node.args, *(word.value for word in node.keywords))
        for key in _meant(module, argument, known)
    }
    classes = dict(_classes(package))
    more = set(found)
    while more:
        inner = {
            key
            for module, name in more & classes.keys()
            for part in classes[module, name].body
            if isinstance(part, ast.AnnAssign)
            for word in ast.walk(part.annotation)
            if isinstance(word, ast.expr)
            for key in _meant(module, word, known)
        }
        more = inner - found
        found |= inner
    return found


def _is_frozen(node: ast.ClassDef) -> bool:
    words = [word for part in node.decorator_list if isinstance(part, ast.Call) for word in part.keywords]
    bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    return "NamedTuple" in bases or any(word.arg == "frozen" for word in [*words, *node.keywords])


def _copied(package: Path) -> set[str]:
    """Names that go into a copy; with `replace(…, **words)` all those of the file's dictionaries."""
    found: set[str] = set()
    for path in sources.files(package):
        nodes = sources.nodes(path)
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        words = [w for c in calls if ast.unparse(c.func).rpartition(".")[2] in _COPIES for w in c.keywords]
        found |= {word.arg for word in words if word.arg}
        if any(word.arg is None for word in words):
            keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
            found |= {key.value for key in keys if isinstance(key, ast.Constant)}
    return found


def _assigned(package: Path) -> set[str]:
    """Names that are assigned to some object, or filled in place."""
    found: set[str] = set()
    for _, node in _nodes(package):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            found |= {node.value.attr} if isinstance(node.value, ast.Attribute) else set()
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATIONS:
            found |= {node.func.value.attr} if isinstance(node.func.value, ast.Attribute) else set()
    return found


def _nodes(package: Path) -> Iterator[tuple[str, ast.AST]]:
    for path in sources.files(package):
        yield from ((sources.module(path, package), node) for node in sources.nodes(path))
