"""One forward of the denoiser over every row of a batch, and the answers for each of its jobs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .device.memory import Shortage
from .device.transfer import sent
from .families.family import Conditioning, Rows
from .turns import Batch

Answers = list[tuple[Tensor | None, Tensor]]
"""For each job: the answers (1, C, h, w) to its negative prompt, None where it has none, and to its prompt."""


class Forward:
    """Remembers the joined conditioning of the last batch, for as long as the batch stays the same."""

    def __init__(self) -> None:
        self._members: list[Conditioning] = []
        self._joined: Rows = {}

    def run(self, batch: Batch) -> Answers | None:
        """None when memory ran out."""
        with Shortage():
            return self._answers(batch)
        return None

    def clear(self) -> None:
        """Forget what holds memory."""
        self._members, self._joined = [], {}

    @torch.inference_mode()
    def _answers(self, batch: Batch) -> Answers:
        jobs = batch.jobs + [batch.jobs[0]] * (batch.bucket - len(batch.jobs))
        conditionings = [job.conditioning for job in jobs]
        # Padding repeats the first job: neither it nor the neighbours change a row's bits at a fixed batch size.
        inputs = [job.inputs() for job in batch.jobs]
        inputs += [inputs[0]] * (batch.bucket - len(inputs))
        turns = 1 if conditionings[0].negative is None else 2
        latents = torch.cat([latents for latents, _ in inputs] * turns)
        timesteps = sent(torch.tensor([timestep for _, timestep in inputs] * turns), latents.device)
        answer = jobs[0].family.denoise(latents, timesteps, self._rows(conditionings))
        split = torch.split(answer, 1)
        if turns == 1:
            return [(None, split[i]) for i in range(len(batch.jobs))]
        return [(split[i], split[batch.bucket + i]) for i in range(len(batch.jobs))]

    def _rows(self, conditionings: list[Conditioning]) -> Rows:
        """The conditioning of every row, the negative ones first."""
        if not _same(self._members, conditionings):
            self.clear()
            sides = [side.negative for side in conditionings if side.negative is not None]
            sides += [side.positive for side in conditionings]
            self._joined = {name: torch.cat([side[name] for side in sides]) for name in sides[0]}
            self._members = conditionings
        return self._joined


def _same(old: Sequence[Conditioning], new: Sequence[Conditioning]) -> bool:
    # By identity: a job's conditioning changes with its second pass and with its refiner.
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
