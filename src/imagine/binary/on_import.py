"""Modules that aren't unpacked yet: the first import of one has all of them unpacked, and then goes on as usual."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from importlib.abc import MetaPathFinder

from .index import Archive, module_of


class OnImport(MetaPathFinder):
    """The first of the finders: for one of `modules` it calls `bring` once, and leaves finding it to the others."""

    def __init__(self, modules: frozenset[str], bring: Callable[[], None]) -> None:
        self._modules = modules
        self._bring = bring
        self._lock = threading.Lock()

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002 - importlib's
        """Finds nothing by itself. Raises ImagineError where what is missing can't be unpacked."""
        if fullname in self._modules:
            with self._lock:
                if self._modules:
                    self._bring()
                    importlib.invalidate_caches()
                    self._modules = frozenset()


def modules_of(archive: Archive) -> frozenset[str]:
    """The names of the modules whose files, or some of them, are in an archive."""
    return frozenset(module_of(entry.path) for entry in archive.entries if entry.kind in "fx")
