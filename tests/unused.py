"""What a package defines and never uses, told from its sources alone.

A definition is used when code that is itself used names it. `self.x` names the `x` of its own class, of those that it
inherits from and of those that inherit from it; `module.x` the one of that module; `anything.x` every `x` of any class.
A name that is only imported, only assigned or only counted up isn't used.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests import sources

Key = tuple[str, str]
"""A module and a name in it: `function`, `CONSTANT`, `Class` or `Class.attribute`."""

_NONE: Mapping[str, Iterable[str]] = MappingProxyType({})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Use(NamedTuple):
    """A name that stands in the code of `within`: of a module, a class, or (neither told) of whatever class has it."""

    within: Key
    name: str
    of: Key | None


class Definitions(NamedTuple):
    """All that a package defines, and how its names lead from one module to another."""

    lines: dict[Key, int]
    bases: dict[Key, list[ast.expr]]
    aliases: dict[Key, list[Key]]
    """Of an imported name, where it comes from: `(module, name)`, or `(module, "")` for the module itself."""


@cache
def definitions(package: Path) -> Definitions:
    """What every module of the package defines."""
    found = Definitions({}, {}, {})
    for path in sources.files(package):
        module, tree = sources.module(path, package), sources.tree(path)
        for name, node in _bound(tree.body):
            found.lines[module, name] = node.lineno
            if isinstance(node, ast.ClassDef):
                found.bases[module, name] = node.bases
                for attribute, line in _attributes(node):
                    found.lines.setdefault((module, f"{name}.{attribute}"), line)
        for target, alias in sources.imported(path, package):
            found.aliases.setdefault((module, alias), []).append(target)
    return found


def _bound(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """The names that statements bind, those of their branches too, with who binds them."""
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        else:
            names = []
            for branch in ("body", "orelse", "finalbody"):
                yield from _bound(getattr(node, branch, []))
        yield from ((name, node) for name in names if not _dunder(name) and name != "_")


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    """What a class's body binds and what its methods assign to `self`."""
    yield from ((name, made.lineno) for name, made in _bound(node.body))
    for method in node.body:
        for part in ast.walk(method) if isinstance(method, FUNCTIONS) else ():
            if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and _is_self(part.value):
                yield part.attr, part.lineno


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


class _Reader(ast.NodeVisitor):
    """Collects the uses in one module."""

    def __init__(self, module: str, known: Definitions) -> None:
        self.module, self.known = module, known
        self.uses: list[Use] = []
        self._within: Key = (module, "")
        self._class: Key | None = None
        self._local: set[str] = set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self._within, self._class
        if self._class is None and not self._within[1]:
            self._within = self._class = (self.module, node.name)
        self.generic_visit(node)
        self._within, self._class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer = self._within, self._local
        if self._within in ((self.module, ""), self._class):
            self._within = (self.module, f"{self._class[1]}.{node.name}" if self._class else node.name)
        for outside in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            self.visit(outside)
        self._local = self._local | _locals(node)
        for inside in node.body:
            self.visit(inside)
        self._within, self._local = outer

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name that ast calls

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id not in self._local:
            self._use(node.id, (self.module, ""))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            for of in self._owners(node.value):
                self._use(node.attr, of)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        named = node.args[1:2] if called in ("getattr", "hasattr") else node.args if called == "attrgetter" else []
        for name in named:
            if isinstance(name, ast.Constant):
                self._use(name.value, None)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        self.generic_visit(node)
        for name in node.kwd_attrs:
            self._use(name, None)

    def _use(self, name: str, of: Key | None) -> None:
        self.uses.append(Use(self._within, name, of))

    def _owners(self, value: ast.expr) -> list[Key | None]:
        """Whose attribute is named: a class's, a module's, or None where nothing tells."""
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super":
            return [self._class]
        if not isinstance(value, ast.Name):
            return [None]
        if _is_self(value):
            return [self._class]
        if value.id in self._local:
            return [None]
        return list(resolve((self.module, value.id), self.known)) or [None]


def _locals(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    shared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
    names = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
    names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names - shared


def resolve(key: Key, known: Definitions) -> Iterator[Key]:
    """The classes and modules that a module's name stands for, through imports."""
    if key in known.bases:
        yield key
    for target in known.aliases.get(key, ()):
        if target[1]:
            yield from resolve(target, known)
        else:
            yield target


def defined(key: Key, known: Definitions) -> Iterator[Key]:
    """The definitions that a module's name stands for, through imports."""
    if key in known.lines:
        yield key
    for target in known.aliases.get(key, ()):
        yield from defined(target, known)


def relatives(known: Definitions) -> dict[Key, set[Key]]:
    """Of every class, itself, all that it inherits from and all that inherit from it."""
    above = {key: {key} for key in known.bases}
    for _ in known.bases:
        before = sum(map(len, above.values()))
        for (module, name), bases in known.bases.items():
            for base in bases:
                named = base.value if isinstance(base, ast.Subscript) else base
                if isinstance(named, ast.Name):
                    for parent in resolve((module, named.id), known):
                        above[module, name] |= above.get(parent, set())
        if sum(map(len, above.values())) == before:
            break
    return {key: over | {other for other in above if key in above[other]} for key, over in above.items()}


def unused(
    package: Path, called: Iterable[str] = (), hooks: Mapping[str, Iterable[str]] = MappingProxyType({})
) -> dict[Key, str]:
    """Every definition that nothing uses, and where it stands (`path:line`).

    `called` are used from outside the package, and of a class with a foreign base so are the `hooks` of that base.
    """
    known, named_by = definitions(package), _named_by(package)
    roots = {*called, *_hooked(known, hooks)}
    alive = {key for key in known.lines if key[1] in roots}
    while True:
        reached = {target for within, found in named_by.items() if _lives(within, alive) for target in found}
        if reached <= alive:
            break
        alive |= reached
    places = sources.modules(package)
    return {key: f"{places[key[0]]}:{line}" for key, line in known.lines.items() if key not in alive}


@cache
def _named_by(package: Path) -> dict[Key, set[Key]]:
    """What the code of every definition names, but for itself."""
    known = definitions(package)
    related = relatives(known)
    named: dict[str, list[Key]] = {}
    for key in known.lines:
        if "." in key[1]:
            named.setdefault(key[1].partition(".")[2], []).append(key)
    found: dict[Key, set[Key]] = {}
    for path in sources.files(package):
        reader = _Reader(sources.module(path, package), known)
        reader.visit(sources.tree(path))
        for use in reader.uses:
            found.setdefault(use.within, set()).update(_targets(use, known, related, named))
    return {within: targets - {within} for within, targets in found.items()}


def _hooked(known: Definitions, hooks: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for (_, name), bases in known.bases.items():
        for base in bases:
            yield from (f"{name}.{hook}" for hook in hooks.get(ast.unparse(base), ()))


def _lives(within: Key, alive: set[Key]) -> bool:
    """Does the code of that definition run at all? A module's own does, and a class's special methods with it."""
    module, name = within
    owner, dot, attribute = name.partition(".")
    if not name or within in alive:
        return not dot or (module, owner) in alive
    return bool(dot) and _dunder(attribute) and (module, owner) in alive


def _targets(use: Use, known: Definitions, related: dict[Key, set[Key]], named: dict[str, list[Key]]) -> list[Key]:
    if use.of is None:
        return named.get(use.name, [])
    if use.of[1]:
        owners = related.get(use.of, {use.of})
        return [key for key in named.get(use.name, ()) if (key[0], key[1].partition(".")[0]) in owners]
    return list(defined((use.of[0], use.name), known))
