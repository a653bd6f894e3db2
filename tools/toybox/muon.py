"""Muon beside AdamW: a transformer's matrices move by their orthogonalized momentum.

Keller Jordan's method (https://kellerjordan.github.io/posts/muon, MIT) with the scale of arXiv:2502.16982, 2.2,
so that AdamW's rate serves both. Written here, as torch's own (2.13) orthogonalizes in bfloat16, which processors
without that type emulate: 72 s a step for 49 matrices of 192 × 768, against 0.5 s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from tools.toybox.training import Optimizer

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Takes singular values of 0…1 to about 1 in `ROUNDS` rounds."""
ROUNDS = 5
TOGETHER = 4
"""How many matrices of a shape are orthogonalized at once."""


@torch.no_grad()
def orthogonalized(matrices: Tensor) -> Tensor:
    """Matrices (N, rows, columns) with their singular values brought to about 1 (0.7…1.2)."""
    one, three, five = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    made = matrices.mT if tall else matrices
    made = made / (made.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = made @ made.mT
        made = one * made + (three * square + five * square @ square) @ made
    return made.mT if tall else made


class Momenta:
    """Of some matrices, and the steps that they tell."""

    def __init__(
        self, matrices: Sequence[Tensor], kept: float = 0.95, workers: ThreadPoolExecutor | None = None
    ) -> None:
        """`kept` is how much of the momentum stays at each step; `workers` share the work."""
        self.matrices, self._kept = matrices, kept
        self._map = workers.map if workers else map
        self.momenta = [torch.zeros_like(each) for each in matrices]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the matrices by their gradients (Nesterov's way), and drop those."""
        alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for matrix, momentum in zip(self.matrices, self.momenta, strict=True):
            assert matrix.grad is not None
            momentum.lerp_(matrix.grad, 1 - self._kept)
            matrix.grad.lerp_(momentum, self._kept)
            alike[matrix.shape].append(matrix)
        some = [several[i : i + TOGETHER] for several in alike.values() for i in range(0, len(several), TOGETHER)]
        stacks = [torch.stack([_gradient(matrix) for matrix in each]) for each in some]
        for each, updates in zip(some, self._map(orthogonalized, stacks), strict=True):
            for matrix, update in zip(each, updates, strict=True):
                matrix.sub_(update, alpha=rate * 0.2 * max(matrix.shape) ** 0.5)
                matrix.grad = None


def _gradient(matrix: Tensor) -> Tensor:
    assert matrix.grad is not None
    return matrix.grad


class MuonOptimizer(Optimizer):
    """`Optimizer` in which the parameters that `chosen` names move by Muon and the others by AdamW."""

    def __init__(
        self, model: nn.Module, rate: float, *, average: float, chosen: Callable[[str, Tensor], bool],
        workers: ThreadPoolExecutor | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model, rate, average=average, weight_decay=0.0)
        names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        moved = [w for name, w in zip(names, self.master, strict=True) if chosen(name, w)]
        self._momenta = Momenta(moved, workers=workers)

    def _move(self, rate: float) -> None:
        self._momenta.step(rate)
        super()._move(rate)

    def state(self) -> dict[str, Tensor]:
        return super().state() | {f"muon.{i}": momentum for i, momentum in enumerate(self._momenta.momenta)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        super().load(state)
        for i, momentum in enumerate(self._momenta.momenta):
            momentum.copy_(state[f"muon.{i}"])
