"""Every component that a value names, however deep it lies: what a job reads, and the same job of other files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from .model import Component

T = TypeVar("T")


def components_in(value: Any) -> Iterator[Component]:
    """The components of a frame or a model, in its fields' order."""
    match value:
        case Component():
            yield value
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from components_in(getattr(value, name))
        case tuple():
            for each in value:
                yield from components_in(each)


def with_components(value: T, change: Callable[[Component], Component]) -> T:
    """The value, with what `change` makes of each of its components in the component's place."""
    return _walked(value, change)  # type: ignore[no-any-return]


def _walked(value: Any, change: Callable[[Component], Component]) -> Any:
    match value:
        case Component():
            return change(value)
        case msgspec.Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            changed = {name: _walked(each, change) for name, each in fields.items()}
            return msgspec.structs.replace(value, **changed)
        case tuple():
            # A tuple with fields of its own is a value, such as a box, and names no file.
            return tuple(_walked(each, change) for each in value) if type(value) is tuple else value
    return value
