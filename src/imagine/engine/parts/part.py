"""A part of a loaded model: what is held, shared, counted and moved as one.

A model is made of parts, and says which of them a stage needs. Models whose parts come from the same file hold them
once. What a part gives back when memory is short, it knows by itself: a family knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain
from typing import Any, Literal, Protocol, get_args

import torch

from ...messages import Message
from ..device.floor import Floor
from ..device.guest import Guest, Hosted
from ..device.memory import Shortage, replaced, widened
from ..device.owned import owned_bytes
from ..execution.homes import there
from .part_key import PartKey

Stage = Literal["encode", "denoise", "decode"]
"""Prompts are encoded, latents denoised, pictures decoded."""


class Part(Protocol):
    """One network, or whatever can't be taken apart."""

    @property
    def key(self) -> PartKey | None:
        """What is equal can be shared; None: nothing else can have it."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes on the device at present."""

    @property
    def in_main(self) -> int:
        """Bytes of main memory that it takes at present, and that nobody gives back but by letting go of it."""

    @property
    def spared(self) -> bool:
        """Some of it was given back, which changes the last bits of what it makes."""

    @property
    def visits(self) -> bool:
        """It is on the device only to work, and gives nothing back beyond that."""

    def spare(self) -> Message | None:
        """Give device memory back at the cost of speed; says what was done, None when nothing is left to give."""

    def restore(self) -> None:
        """There is more room again: take back what was given, if it fits."""

    def at_work(self) -> AbstractContextManager[None]:
        """For the length of a block it can be worked with, wherever it waits. It comes when it is to work."""


class MadeOfParts(Protocol):
    """A loaded model."""

    def parts(self, stage: Stage) -> Sequence[Part]:
        """What must be there for a stage."""


def parts_of(*models: MadeOfParts) -> list[Part]:
    """All parts of these models, each once."""
    parts = [part for model in models for stage in get_args(Stage) for part in model.parts(stage)]
    return list({id(part): part for part in parts}.values())


def nbytes_of(*models: MadeOfParts) -> int:
    """Bytes that these models take on the device; what they share is counted once."""
    return sum(part.nbytes for part in parts_of(*models))


def is_spared(model: MadeOfParts) -> bool:
    return any(part.spared for part in parts_of(model))


def spare(model: MadeOfParts) -> Message | None:
    """Have the model give device memory back: what is needed only now and then goes first."""
    asked: list[Part] = []
    for stage in ("encode", "decode", "denoise"):
        others = [part for part in model.parts(stage) if part not in asked]
        asked += others
        notes = [part.spare() for part in others if not part.visits]
        if done := next((note for note in notes if note is not None), None):
            return done
    return None


@contextmanager
def at_work(parts: Sequence[Part]) -> Iterator[None]:
    """`parts` can be worked with for the length of a block."""
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part.at_work())
        yield


def device_of(module: torch.nn.Module) -> torch.device:
    """Where its tensors lie. diffusers' own property asks its hooks for others first, which are half a second to
    import."""
    return next(chain(module.parameters(), module.buffers())).device


class ModulePart:
    """A torch module on its device. It gives nothing back, unless its kind does."""

    may_visit = True
    """It works in one go, and so can wait in main memory for its work."""

    def __init__(self, module: Any, key: PartKey | None = None) -> None:
        self.module, self.key = module, key
        self._size = sum(parameter.nbytes for parameter in module.parameters())
        self.home = device_of(module)
        """Where it works, and lies unless it was spared."""
        self.device = self.home
        """Where it lies: noted, since diffusers asks all of a network's modules for it."""
        self.dtype: torch.dtype = module.dtype
        """What it computes in, unless it is lent to main memory."""
        self._visit: ExitStack | None = None
        """Of a block in which it may work, and isn't where it works yet."""
        self._guest: Guest | None = None
        self._floor: Floor | None = None

    @property
    def spared(self) -> bool:
        return self.device != self.home

    @property
    def visits(self) -> bool:
        return self._guest is not None

    @property
    def nbytes(self) -> int:
        if self._floor is not None and self._guest is not None:
            return self._guest.nbytes if self._floor.has(self._guest) else 0
        return 0 if self.spared else self._size

    @property
    def in_main(self) -> int:
        if self._guest is not None:
            return self._guest.in_main
        return owned_bytes(self.module.parameters()) if self.device.type == "cpu" else 0

    @property
    def inputs_go_to(self) -> torch.device:
        """Where it will work."""
        return self.home if self.visits else device_of(self.module)

    def settle(self, device: torch.device) -> None:
        """It was opened in main memory, and is to stay on the device. Raises what torch does where it doesn't fit."""
        self.move(device)
        self.home = device

    def visit(self, floor: Floor, device: torch.device) -> None:
        """It was opened in main memory, where it is to wait, and comes to the device for as long as it works, to the
        bit as if it stayed there; of what there is no room for a layer at a time."""
        self._guest, self._floor = Guest(self.module, device, floor.room()), floor
        Hosted(self.module, self._guest, floor)
        self.home = self.device = device

    def there(self) -> AbstractContextManager[None]:
        """For the length of a block it is where it works, whatever of it is called there."""
        return there(self.module)

    def spare(self) -> Message | None:
        return None

    def restore(self) -> None:
        if not self.spared:
            return
        with Shortage():
            self.move(self.home)
            return
        self.move(torch.device("cpu"))

    def move(self, device: torch.device) -> None:
        """Raises what torch does where it doesn't fit; then some of it may lie there."""
        self.module.to(device)
        self.device = device

    @contextmanager
    def at_work(self) -> Iterator[None]:
        try:
            with ExitStack() as self._visit:
                yield
        finally:
            self._visit = None
            if self._floor is not None:
                self._floor.settle()

    def arrive(self) -> None:
        """Before it works within `at_work`: be on its device for the rest of that block, where it waits elsewhere.

        Where there is no room for it, it works in main memory, in float32: half precision is many times slower there.
        """
        visit, self._visit = self._visit, None
        if visit is None or not self.spared:
            return
        if not _entered(visit, replaced(self.module, lambda tensor: tensor.to(self.home))):
            visit.enter_context(widened(self.module))


def _entered(stack: ExitStack, block: AbstractContextManager[None]) -> bool:
    """Enter the block; False where memory runs out."""
    with Shortage():
        stack.enter_context(block)
        return True
    return False


Held = Mapping[PartKey, ModulePart]
"""Parts that are there, by their key."""
