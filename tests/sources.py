"""The sources of the package as trees: what the tests of its structure read."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path("src/imagine")


@cache
def files(package: Path = PACKAGE) -> list[Path]:
    """Every module's file."""
    return sorted(package.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(), str(path))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a file's tree."""
    return list(ast.walk(tree(path)))


@cache
def module(path: Path, package: Path = PACKAGE) -> str:
    """The dotted name of a file's module."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """Every module's file by its dotted name."""
    return {module(path, package): path for path in files(package)}


def base(node: ast.ImportFrom, path: Path, package: Path = PACKAGE) -> str:
    """The dotted name of what is imported from."""
    folder = path.relative_to(package.parent).parts[:-1]
    start = folder[: len(folder) - node.level + 1] if node.level else ()
    return ".".join([*start, *([node.module] if node.module else [])])


def imported(path: Path, package: Path = PACKAGE) -> Iterator[tuple[tuple[str, str], str]]:
    """What a file imports of the package, in functions and for types too: `(module, name)`, and its name here.

    The name is empty where a module itself is imported.
    """
    known = modules(package)
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (((a.name, ""), a.asname or a.name) for a in node.names if a.name in known)
        elif isinstance(node, ast.ImportFrom) and (source := base(node, path, package)) in known:
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield (inner, "") if inner in known else (source, alias.name), alias.asname or alias.name
