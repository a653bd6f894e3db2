"""The kinds of adapters: a file each, and its line in this table."""

from __future__ import annotations

from collections.abc import Callable

from ...words.model import Component
from .adapter import Networks, SidePaths

AdapterOpener = Callable[[Component, Networks], SidePaths]
"""Reads what an adapter adds to the networks of a model, onto their devices. Raises UnusableModel.

Whatever of its file it can't use it refuses: nothing is left out.
"""

ADAPTER_KINDS: dict[str, AdapterOpener] = {}
