"""YAML that others wrote: plain values, and no more of them than the text lets one expect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

MAX_VALUES = 100_000
_MAX_BRACKETS = 100
_TOO_DEEP = "it is nested too deeply"


class TooMuch(ValueError):
    """It is YAML, and stands for more values, or deeper ones, than are read."""


def read_yaml(text: str) -> object:
    """What a YAML text says: plain values, at most `MAX_VALUES` of them with what its aliases repeat.

    Raises ValueError, on one line, for what is no YAML, and TooMuch for what would become more.
    """
    import yaml  # only where there is a file: it costs 20 ms

    _check_brackets(text)
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _check_size(root)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error
    except RecursionError as error:
        raise TooMuch(_TOO_DEEP) from error


def _check_brackets(text: str) -> None:
    """PyYAML takes seconds over brackets within brackets before it finds them too deep."""
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        if depth > _MAX_BRACKETS:
            raise TooMuch(_TOO_DEEP)


def _check_size(root: yaml.Node) -> None:
    """A short text of aliases to aliases can stand for more than any memory holds: count before anything is made."""
    waiting, count = [root], 0
    while waiting:
        inner = waiting.pop().value
        parts = inner if isinstance(inner, list) else []
        waiting += [part for each in parts for part in (each if isinstance(each, tuple) else (each,))]
        count += 1
        if count + len(waiting) > MAX_VALUES:
            raise TooMuch(f"it holds more than {MAX_VALUES} values, with those that its aliases repeat")
