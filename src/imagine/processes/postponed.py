"""Imports that wait until something is used: a stand-in for a module, names that stand for what would be in it.

Libraries import at their top what only few of their functions use. Python 3.15 has `lazy import` for that (PEP 810);
until then this does the same for the modules that it is told, as long as its block lasts. Nothing is replaced: whatever
is called, subclassed, asked for an attribute or compared with a type is the real thing, imported at that moment. So a
library that begins to use one of them while it is imported gets it, and only loses the time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any


@contextmanager
def postponed(*names: str, packages: Sequence[str] = ()) -> Iterator[None]:
    """While the block lasts, who imports a module of `names`, or one below it, gets a stand-in; what is imported
    already stays.

    Of `packages` only their own `__init__` waits: modules below them are imported as ever.
    """
    finder = _Finder(names, packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for made in finder.made:
            made.forget()


@contextmanager
def refused(name: str) -> Iterator[None]:
    """While the block lasts, who imports that module gets an ImportError, as if it weren't installed, and does
    without; unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # the language reference, 5.3.1
    try:
        yield
    finally:
        del sys.modules[name]


class _Later:
    """What a name in a module stands for, once somebody uses it."""

    def __init__(self, module: _StandIn, name: str) -> None:
        self._imagine_module, self._imagine_name = module, name

    @cached_property
    def _imagine_real(self) -> Any:
        return getattr(self._imagine_module._imagine_real(), self._imagine_name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._imagine_real, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._imagine_real(*arguments, **named)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._imagine_real)

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, self._imagine_real)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._imagine_real,)

    def __or__(self, other: object) -> Any:  # in annotations
        return Any

    __ror__ = __or__


class _StandIn(ModuleType):
    """In a module's place while its import is postponed; afterwards a way to it, for those who hold this."""

    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name)
        self._imagine_finder = finder

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":  # which libraries compare while they are imported
            from importlib.metadata import version  # with a tenth of what a small command imports

            return version(self.__name__)
        if name.startswith("__") and name.endswith("__"):  # what Python itself looks for in any module
            raise AttributeError(name)
        waits = sys.modules.get(self.__name__) is self
        return _Later(self, name) if waits else getattr(self._imagine_real(), name)

    def _imagine_real(self) -> ModuleType:
        """The module itself, from now on in its own place."""
        self._imagine_finder.wanted.add(self.__name__)
        self.forget()
        return import_module(self.__name__)

    def forget(self) -> None:
        """Whoever imports it from now on gets the module itself."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        parent, _, name = self.__name__.rpartition(".")
        if vars(sys.modules.get(parent, self)).get(name) is self:
            delattr(sys.modules[parent], name)


class _Package(ModuleType):
    """A package whose `__init__` runs when something is wanted that isn't there yet."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self._imagine_spec = spec

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        spec = self._imagine_spec
        vars(self).update(vars(module_from_spec(spec)))
        self.__class__ = ModuleType  # type: ignore[assignment]
        assert spec.loader is not None
        spec.loader.exec_module(self)
        return getattr(sys.modules[self.__name__], name)


class _Finder:
    """Finds stand-ins. It asks the others whether there is such a module at all."""

    def __init__(self, names: Sequence[str], packages: Sequence[str]) -> None:
        self._names, self._packages = names, packages
        self.made: list[_StandIn] = []
        self.wanted: set[str] = set()
        """Modules that somebody used already."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if _is_below(name, self.wanted) or not (name in self._packages or _is_below(name, self._names)):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = next((spec for each in others if (spec := each.find_spec(name, path, target)) is not None), None)
        if found is None:
            return None
        # It has a loader's two methods.
        spec = ModuleSpec(name, self, origin=found.origin, loader_state=found)  # type: ignore[arg-type]
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name in self._packages:
            return _Package(spec.loader_state)
        made = _StandIn(spec.name, self)
        self.made.append(made)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run yet."""


def _is_below(name: str, modules: Iterable[str]) -> bool:
    """Is it one of these modules, or one within?"""
    return any(f"{name}.".startswith(f"{module}.") for module in modules)
