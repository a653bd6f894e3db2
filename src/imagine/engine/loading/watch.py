"""The files of a model, held open while its weights may lie in them: whether they are still what the gateway saw.

What is mapped is read when it is touched, so whoever writes into the file writes into the model. A file that is
replaced by renaming is another one: the old one stays as it was, for as long as it is held.
"""

from __future__ import annotations

import os
import weakref
from contextlib import ExitStack, suppress

from ...identity.stamp import FileStamp, unchanged
from ...messages import message
from ...words.errors import ModelChanged
from ...words.model import Model

_WEIGHTS = (".safetensors", ".sft", ".gguf")


class Watch:
    """Begun before the model is opened; a model that says nothing of its files is not watched."""

    def __init__(self, model: Model) -> None:
        """Raises ModelChanged where other files lie at its paths than it says."""
        self._name = model.name
        self._files = list(model.stamps.values())
        self._held: list[tuple[FileStamp, int]] = []
        held = ExitStack()
        self.close = weakref.finalize(self, held.close)
        """Hold the files no longer: the weights lie elsewhere, or are gone."""
        for stamp in self._files:
            if stamp.path.lower().endswith(_WEIGHTS):
                with suppress(OSError):  # it is gone: `check_paths` says so
                    file = os.open(stamp.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
                    held.callback(os.close, file)
                    self._held.append((stamp, file))
        self.check_paths()

    def check_paths(self) -> None:
        """Raises ModelChanged unless the same files lie at their paths, unchanged."""
        if not unchanged(self._files):
            raise ModelChanged(message("model.replaced", "model", name=self._name))

    def check(self) -> None:
        """Raises ModelChanged where somebody wrote into the files that are held."""
        if self.close.alive and not all(stamp.fits(os.fstat(file)) for stamp, file in self._held):
            raise ModelChanged(message("model.changed", "model", name=self._name))
