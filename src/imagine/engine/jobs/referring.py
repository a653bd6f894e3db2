"""The references of one picture: seen once, and laid out for each pass."""

from __future__ import annotations

from collections.abc import Sequence

from ...messages import Message, message
from ...words.frames import Submit
from ..execution.additions import Addition
from ..families.family import Family
from ..parts.slices import Slices
from ..references.opened import OpenReferences
from ..references.references import NO_REFERENCES
from .canvas import Canvas


class Referring:
    """None are there before `open`."""

    def __init__(self, submit: Submit, files: OpenReferences) -> None:
        self._submit, self._files, self._references = submit, files, NO_REFERENCES

    def open(self, family: Family, *, sided: bool) -> Slices[None]:
        """Have what the denoiser attends to ready, for guidance that has a negative side or not.

        Raises BadPicture, BadRequest, Unsupported, UnusableModel, ModelChanged.
        """
        self._references = yield from self._files.of(self._submit, family, sided=sided)

    def lay(self, canvas: Canvas, downscale: int, steps: int) -> Sequence[Message]:
        """Lay their masks out for a pass of so many of the user's steps; gives what is to be told of it."""
        self._references = self._references.laid(canvas, downscale)
        never = [group for group in self._references.groups if not any(group.holds(at, steps) for at in range(steps))]
        return [
            message("image_adapter.no_step", "references", name=group.name, steps=steps) for group in never if steps
        ]

    def at(self, step: int, steps: int) -> Sequence[Addition]:
        """What is there at one of the user's steps of the pass."""
        return self._references.at(step, steps)
