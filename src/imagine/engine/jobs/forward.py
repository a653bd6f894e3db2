"""One forward of the denoiser over every row of a batch, and the answers for each of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

import torch
from torch import Tensor

from ..adapters.mix import Mix, MixRows
from ..device.memory import Shortage
from ..execution.additions import Accompanied, Addition, SlotRows, beside, ready
from ..execution.execution import Inputs
from ..execution.wrapping import wrapped
from ..families.family import Conditioning, Family
from ..parts.rows import Rows

Answers = list[tuple[Tensor | None, Sequence[Tensor]]]
"""For each picture: the answers (1, C, h, w) to its negative prompt, None for none, and to each of its prompts."""


class Asking(Protocol):
    """What is to be known of a picture that asks the denoiser."""

    @property
    def family(self) -> Family: ...

    @property
    def conditioning(self) -> Conditioning: ...

    @property
    def mix(self) -> Mix: ...

    @property
    def additions(self) -> Sequence[Addition]: ...

    wraps: bool
    """Its edges meet; so do those of all in its batch."""

    def inputs(self) -> tuple[Tensor, Tensor]:
        """The denoiser's input, (1, C, h, w), and its timestep, (1,), on its device."""


class Forward:
    """Remembers the joined conditioning of the last batch, for as long as the batch stays the same."""

    def __init__(self) -> None:
        self._members: list[Conditioning] = []
        self._joined: Rows = {}

    def run(self, pictures: Sequence[Asking], bucket: int) -> Answers | None:
        """`pictures` have one batch key, and are padded to `bucket`. None when memory ran out."""
        with Shortage():
            return self._answers(pictures, bucket)
        return None

    def clear(self) -> None:
        """Forget what holds memory."""
        self._members, self._joined = [], {}

    @torch.inference_mode()
    def _answers(self, pictures: Sequence[Asking], bucket: int) -> Answers:
        # Padding repeats the first: neither it nor the neighbours change a row's bits at a fixed batch size.
        padding, family = bucket - len(pictures), pictures[0].family
        inputs = [picture.inputs() for picture in pictures]
        inputs += [inputs[0]] * padding
        conditionings = [picture.conditioning for picture in pictures]
        conditionings += [conditionings[0]] * padding
        sided = conditionings[0].negative is not None
        turns = sided + 1 + len(conditionings[0].joined)
        latents = torch.cat([latents for latents, _ in inputs] * turns)
        timesteps = torch.cat([timestep for _, timestep in inputs] * turns)
        with ExitStack() as stack:
            if pictures[0].wraps:
                beside = [each for picture in pictures for one in picture.additions for each in one.convolving]
                stack.enter_context(wrapped(family.networks["denoiser"], *beside))
            _accompany(stack, pictures, bucket)
            answer = family.denoise(latents, timesteps, self._rows(family, conditionings))
        split = torch.split(answer, 1)
        sides = [split[i::bucket] for i in range(len(pictures))]
        return [(side[0], side[1:]) if sided else (None, side) for side in sides]

    def _rows(self, family: Family, conditionings: list[Conditioning]) -> Rows:
        """The conditioning of every row: the negative ones, those of the first prompts, of the second and so on."""
        if not _same(self._members, conditionings):
            self.clear()
            self._joined = _joined(family, conditionings)
            self._members = conditionings
        return self._joined


def _joined(family: Family, conditionings: Sequence[Conditioning]) -> Rows:
    sides = [side.negative for side in conditionings if side.negative is not None]
    sides += [side.positive for side in conditionings]
    sides += [rows for each in zip(*(side.joined for side in conditionings), strict=True) for rows in each]
    return family.collate(sides)


def _accompany(stack: ExitStack, pictures: Sequence[Asking], bucket: int) -> None:
    """Until the end of `stack`, the denoiser with what these pictures have beside it, each beside its own rows; padding
    has nothing."""
    held = [(slot, picture, each) for slot, picture in enumerate(pictures) if (each := picture.additions)]
    mixes = {slot: mix for slot, picture in enumerate(pictures) if (mix := picture.mix)}
    if not held and not mixes:
        return
    denoiser = pictures[0].family.networks["denoiser"]
    made = ready([Accompanied(SlotRows(slot, bucket), tuple(each), _asked(one)) for slot, one, each in held])
    if mixes:
        stack.enter_context(MixRows(bucket, mixes).beside(denoiser))
    if made:
        # Behind the adapters': what they add is a part of what these see of the network.
        stack.enter_context(beside(denoiser, made))


def _asked(picture: Asking) -> Inputs:
    """What the denoiser is asked of one picture."""
    (latents, timestep), family = picture.inputs(), picture.family
    rows = _joined(family, [picture.conditioning])
    sides = len(next(iter(rows.values())))
    return family.inputs(latents.repeat(sides, 1, 1, 1), timestep.repeat(sides), rows)


def _same(old: Sequence[Conditioning], new: Sequence[Conditioning]) -> bool:
    # By identity: a picture's conditioning changes with its second pass and with its refiner.
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
