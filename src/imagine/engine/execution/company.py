"""Which networks do more than their own forward at present: what adapters add is done by hooks, a batch's own."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_accompanied: weakref.WeakSet[Any] = weakref.WeakSet()


@contextmanager
def accompanied(network: Any) -> Iterator[None]:
    """For the length of a block, layers of `network` have hooks."""
    _accompanied.add(network)
    try:
        yield
    finally:
        _accompanied.discard(network)


def is_accompanied(network: Any) -> bool:
    """Is it in such a block?"""
    return network in _accompanied
