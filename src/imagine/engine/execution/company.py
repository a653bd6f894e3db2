"""Which networks do more than their own forward at present: what goes beside them is done by hooks, a batch's own."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_accompanied: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


@contextmanager
def accompanied(network: Any, field: str) -> Iterator[None]:
    """For the length of a block, layers of `network` have hooks, for what is asked for in that `field`."""
    before = _accompanied.get(network)
    _accompanied[network] = field
    try:
        yield
    finally:
        if before is None:
            del _accompanied[network]
        else:
            _accompanied[network] = before


def accompanied_by(network: Any) -> str | None:
    """The field, where it is in such a block."""
    return _accompanied.get(network)
