"""A model on its way to the device: opened by a thread of its own, beside the steps of other models' jobs.

The thread ends with it, and with the thread what OpenMP keeps for it: while more of torch's threads live than there are
processors, libgomp has those of the steps sleep between any two operations.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import torch

from ...words.model import Model
from ..device.device import Device
from ..device.errors import let_go
from ..device.memory import Shortage
from ..families.loaded_model import LoadedModel
from ..loading.placing import stored_in_files
from ..loading.watch import Watch
from ..parts.part import Held, is_spared
from .lodging import Lodging

OpenModel = Callable[[Model, Device, Callable[[float], None], Held], LoadedModel]
"""Opens a model on a device, with the parts that are held; tells how much of the rest is there, 0…1."""

_turn = threading.Lock()
"""Of the one that is opened: one that was stopped may not have come to its end yet."""


class Opening:
    """Begins at once, or when the one before has come to its end."""

    def __init__(self, model: Model, open_model: OpenModel, device: Device, held: Held, plan: Lodging) -> None:
        """`held`: the parts of it that are there, which stay there until it is open; `plan`: how it is to be held."""
        self.model, self.held, self.plan = model, held, plan
        self.fraction = 0.0
        self.watch: Watch
        """Of its files; there once it is `done`."""
        self._stopped = False
        self._threads = torch.get_num_threads()
        """The engine's: a new thread has as many of torch's as were said last, whichever thread said it."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="opening")
        self._future: Future[LoadedModel | None] = thread.submit(self._run, open_model, device)
        thread.shutdown(wait=False)

    @property
    def done(self) -> bool:
        return self._future.done()

    @property
    def family(self) -> LoadedModel | None:
        """What was opened; None when memory ran out on the way. Raises what else went wrong."""
        return self._future.result()

    def wait(self, seconds: float) -> None:
        """Until it is done, but no longer than `seconds`."""
        wait([self._future], seconds)

    def stop(self) -> None:
        """Nobody wants it any more: it ends at its next sign of life, and what it opened is let go."""
        self._stopped = True

    def _run(self, open_model: OpenModel, device: Device) -> LoadedModel | None:
        with _turn:
            self._progress(0.0)
            torch.set_num_threads(self._threads)
            self.watch = Watch(self.model)
            with Shortage():
                try:
                    return self._opened(open_model, device)
                except BaseException as error:
                    # It stays with the future, which its traceback leads to: what was opened would stay as well.
                    let_go(error)
                    raise
            return None

    def _opened(self, open_model: OpenModel, device: Device) -> LoadedModel:
        self.plan.check()
        try:
            with stored_in_files(self.plan.as_stored):
                loaded = open_model(self.model, device.holding(self.plan.way), self._progress, self.held)
            self.plan.lodge(loaded, device)
        finally:
            self.watch.check_paths()  # what is said of a file that isn't the one would puzzle
        self.watch.check()
        if device.torch.type != "cpu" and self.plan.way == "all" and not is_spared(loaded):  # all was copied there
            self.watch.close()
        return loaded

    def _progress(self, fraction: float) -> None:
        if self._stopped:
            raise OpeningStopped
        self.fraction = max(self.fraction, fraction)


class OpeningStopped(Exception):
    """Ends an opening that nobody wants any more."""
