"""The references of one picture, ready: what its denoiser attends to beside the prompt, at which of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ...pictures.masks import Mask
from ..adapters.adapter import Beside
from ..adapters.attending import Attending
from ..adapters.image_prompt import ImagePrompt, Memory
from ..adapters.timed_prompt import TimedPrompt
from ..execution.additions import Addition
from .places import Sheet, places_of


@dataclass(frozen=True)
class Group:
    """References that are attended to together: of one adapter, equal in all that is said of them."""

    name: str
    """What their adapter is called."""
    layers: Sequence[tuple[Attending, Memory]]
    """Those that attend to words, and what it attends to; its weight is all that is wanted of it there."""
    beside: Sequence[Beside]
    start: float
    end: float
    """Parts of a pass's steps."""
    mask: Mask | None = None
    words: Tensor | None = None
    """Tokens that stand behind those of the prompt, (1, tokens, width), of an adapter without layers."""
    timed: TimedPrompt | None = None
    """What follows from the step, of an adapter that makes it so."""

    def holds(self, step: int, steps: int) -> bool:
        """Does it count at that of so many steps, from 0?"""
        return counts_at(self.start, self.end, step, steps)

    def laid(self, sheet: Sheet, downscale: int) -> Group:
        """The same for a picture of another size."""
        if self.mask is None or not self.layers:
            return self
        layer, memory = self.layers[0]
        places = places_of(self.mask, sheet, downscale * layer.patch, memory.keys)
        return replace(self, layers=[(layer, memory._replace(places=places)) for layer, memory in self.layers])


@dataclass(frozen=True)
class References:
    """In the order that they are attended to in."""

    groups: Sequence[Group] = ()
    sided: bool = False
    """Has the picture a negative side?"""

    def at(self, step: int, steps: int) -> Sequence[Addition]:
        """What is beside the denoiser at a step of a pass, from 0."""
        held = tuple(
            number for number, group in enumerate(self.groups) if group.words is None and group.holds(step, steps)
        )
        groups = [self.groups[number] for number in held]
        timed = [group.timed for group in groups if group.timed is not None]
        if len(timed) == len(groups):
            return tuple(timed)
        if held not in self._known:
            self._known[held] = self._prompt([group for group in groups if group.timed is None])
        return (self._known[held], *timed)

    def words_at(self, step: int, steps: int) -> Tensor | None:
        """What stands behind the tokens of every prompt then, (1, tokens, width), the same tensor where it is the same;
        None for nothing."""
        held = [group.words for group in self.groups if group.words is not None and group.holds(step, steps)]
        if not held:
            return None
        return self._words.setdefault(tuple(map(id, held)), held[0] if len(held) == 1 else torch.cat(held, 1))

    def laid(self, sheet: Sheet, downscale: int) -> References:
        """The same for a picture of another size."""
        return References([group.laid(sheet, downscale) for group in self.groups], self.sided)

    @cached_property
    def _known(self) -> dict[tuple[int, ...], ImagePrompt]:
        """By which groups they are of."""
        return {}

    @cached_property
    def _words(self) -> dict[tuple[int, ...], Tensor]:
        """By which groups' they are, which these hold."""
        return {}

    def _prompt(self, groups: Sequence[Group]) -> ImagePrompt:
        memories: dict[Attending, list[Memory]] = {}
        for layer, memory in (each for group in groups for each in group.layers):
            memories.setdefault(layer, []).append(memory)
        paths = {id(beside.path): beside for group in groups for beside in group.beside}  # several groups' may be one's
        return ImagePrompt(list(memories.items()), self.sided, list(paths.values()))


NO_REFERENCES = References()


def counts_at(start: float, end: float, step: int, steps: int) -> bool:
    """Does that of so many steps, from 0, lie wholly in these parts of them? By the rule of diffusers'
    `control_guidance_start`."""
    return not (step / steps < start or (step + 1) / steps > end)


def stacked(negative: Tensor | None, positive: Tensor) -> Tensor:
    """Tokens (1, n, context) of a side each as (sides, n, context): the negative side's go on as often as is needed."""
    if negative is None:
        return positive
    return torch.cat([negative.repeat(1, positive.shape[1] // negative.shape[1], 1), positive])
