"""Commands that another machine can follow: files are named by the digests of their content, and never by a path.

Where a file of that content lies, which stamps it has and what it weighs, each machine knows of its own. What was said
of how a file is used (`prediction`, `variant` and the like) crosses, since it decides bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from ..messages import message
from ..words.component_walk import components_in, with_components
from ..words.errors import ImagineError
from ..words.frames import FrameError, Load, Score, Submit
from ..words.model import Component, Model

T = TypeVar("T", bound=Submit | Load | Score)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OPTIONS: dict[str, type] = {
    "prediction": str, "zero_snr": bool, "resolution": int, "distilled": str, "variant": str, "compile": bool,
}  # fmt: skip
"""What can be said of a file, and as what."""
_LONGEST = 64
_MOST_RESOLUTION = 2**16


class PartAbsent(ImagineError):
    """A file of that content isn't on this machine, or isn't any more."""

    def __init__(self, part: Component) -> None:
        super().__init__(message("machines.absent", role=part.role, digest=part.digest[:12]))


def portable(command: T) -> T:
    """The command, for another machine. Of what ends in a file of this one there is none."""
    assert not isinstance(command, Submit) or command.enlargement is None, "it is written where the gateway is"
    return with_components(command, bare)


def bare(part: Component) -> Component:
    """The component without all that is so on one machine only."""
    return Component(role=part.role, path="", digest=part.digest, format=part.format, options=part.options)


def portable_identity(model: Model) -> str:
    """As `Model.identity`, and the same on every machine that has its files."""
    return with_components(model, _without_format).identity


@lru_cache(maxsize=256)
def identity_elsewhere(identity: str) -> str:
    """What `portable_identity` makes of the model of that `Model.identity`."""
    components = msgspec.json.decode(identity, type=tuple[Component, ...])
    return Model(name="", family="", components=tuple(map(_without_format, components))).identity


def _without_format(part: Component) -> Component:
    return Component(role=part.role, path="", digest=part.digest, options=part.options)


def at_home(command: T, find: Callable[[Component], Component]) -> T:
    """A command that came from another machine, of the files that `find` knows by their digests here.

    Raises FrameError for one that names anything else, and whatever `find` does.
    """
    if isinstance(command, Submit) and command.enlargement is not None:
        raise FrameError("a job that ends in a file can't come from elsewhere")
    for part in components_in(command):
        _check(part)
    return with_components(command, lambda part: find(part) if part.digest else part)


def _check(part: Component) -> None:
    """Raises FrameError for one that names a file otherwise than by its digest, or says of it what nobody does."""
    if part.path or part.files:
        raise FrameError("a file is named by its digest, and not by where it lies")
    if not (_DIGEST.fullmatch(part.digest) or _needs_none(part)):
        raise FrameError("a file is named by the SHA-256 of its content")
    for name, value in part.options.items():
        _check_option(name, value)


def _check_option(name: str, value: Any) -> None:
    if _OPTIONS.get(name) is not type(value):
        raise FrameError(f"nothing like {name[:_LONGEST]!r} can be said of a file")
    if isinstance(value, str) and len(value) > _LONGEST:
        raise FrameError(f"{name} is too long")
    if isinstance(value, int) and not 0 <= value <= _MOST_RESOLUTION:
        raise FrameError(f"{name} is out of bounds")


def _needs_none(part: Component) -> bool:
    """Is it a map that is made without a network?"""
    return part.role == "preprocessor" and not part.digest
