"""A picture's controls at one evaluation: those whose part of the steps it is, one behind the other, summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from torch.nn import Module

from ..execution.additions import Addition
from ..execution.execution import Inputs
from .control_network import ControlNetwork, Hint, Summable


@dataclass(frozen=True)
class LaidControl:
    """A control whose map is laid out for a pass."""

    network: ControlNetwork
    hint: Hint
    strength: float
    start: float
    end: float

    def is_at(self, step: int, steps: int) -> bool:
        """Is it there at the user's `step` of so many? As diffusers' pipelines count it: where all of the step lies
        between its start and its end."""
        return bool(self.strength) and self.start <= step / steps and (step + 1) / steps <= self.end


@dataclass(frozen=True)
class ControlSum:
    """An `Addition`: some controls together, at least one, in the recipe's order."""

    controls: Sequence[LaidControl]
    sided: bool
    """The picture is drawn away from a negative prompt."""

    @property
    def field(self) -> str:
        return "control"

    @property
    def convolving(self) -> Sequence[Module]:
        return [each for one in self.controls for each in one.network.convolving]

    def made(self, asked: Inputs) -> Summable:
        each = (one.network.residuals(asked, one.hint, one.strength, self.sided) for one in self.controls)
        return reduce(lambda sum_, more: sum_.plus(more), each)


def additions_at(controls: Sequence[LaidControl], step: int, steps: int, *, sided: bool) -> Sequence[Addition]:
    """What of a pass' controls is there at a step, which is `sided` or not. Nothing is run of the others."""
    there = [each for each in controls if each.is_at(step, steps)]
    return (ControlSum(there, sided),) if there else ()
