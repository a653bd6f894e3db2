"""AdamW on float32 weights, with what a narrow dtype computes and an average of the weights beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter


class Optimizer:
    """Of the parameters of a network, whatever dtype they compute in.

    `average` is how much an average of the weights keeps at each step, 0 for none.
    """

    def __init__(
        self, parameters: Iterable[Parameter], rate: float, *, average: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.01,
    ) -> None:  # fmt: skip
        self.rate, self.average = rate, average
        self._trained: list[Tensor] = [parameter for parameter in parameters if parameter.requires_grad]
        self.master = [parameter.detach().float().clone().requires_grad_() for parameter in self._trained]
        self.mean = [weights.detach().clone() for weights in self.master] if average else []
        self._adam = torch.optim.AdamW(self.master, lr=rate, betas=betas, weight_decay=weight_decay, foreach=True)
        self._steps = 0

    def step(self, factor: float = 1.0, clip: float = 1.0) -> None:
        """Take one step from the parameters' gradients, at `factor` times the rate."""
        for parameter, weights in zip(self._trained, self.master, strict=True):
            gradient = parameter.grad
            weights.grad = torch.zeros_like(weights) if gradient is None else gradient.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.master, clip)
        self._move(self.rate * factor)
        self._steps += 1
        with torch.no_grad():
            torch._foreach_copy_(self._trained, self.master)
            if self.average:
                keep = min(self.average, self._steps / (self._steps + 10))
                torch._foreach_lerp_(self.mean, self.master, 1 - keep)

    def _move(self, rate: float) -> None:
        """Take the float32 weights down their gradients, and drop those."""
        for group in self._adam.param_groups:
            group["lr"] = rate
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def forget(self) -> None:
        """The gradients that the parameters have."""
        for parameter in self._trained:
            parameter.grad = None

    def use(self, *, average: bool) -> None:
        """Put the float32 weights, or their average, into the parameters."""
        with torch.no_grad():
            torch._foreach_copy_(self._trained, self.mean if average else self.master)

    def state(self) -> dict[str, Tensor]:
        """All that `load` needs, by name."""
        state = {f"master.{i}": weights for i, weights in enumerate(self.master)}
        state |= {f"mean.{i}": weights for i, weights in enumerate(self.mean)}
        for i, moments in self._adam.state_dict()["state"].items():
            state |= {f"adam.{i}.{name}": value for name, value in moments.items()}
        return state | {"steps": torch.tensor(self._steps)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Be as the one whose state that was."""
        moments: dict[int, dict[str, Any]] = {}
        for name, value in state.items():
            if name.startswith("adam."):
                _, i, moment = name.split(".")
                moments.setdefault(int(i), {})[moment] = value
        self._adam.load_state_dict(self._adam.state_dict() | {"state": moments})
        with torch.no_grad():
            for kind, weights in (("master", self.master), ("mean", self.mean)):
                if weights:
                    torch._foreach_copy_(weights, [state[f"{kind}.{i}"] for i in range(len(weights))])
            torch._foreach_copy_(self._trained, self.master)
        self._steps = int(state["steps"])


def warm_then_decay(index: int, steps: int, warm: int = 100, decay: float = 0.3) -> float:
    """Learning-rate factor: up over `warm` steps, flat, then down to zero over the last `decay` of all steps."""
    left = (steps - index) / (steps * decay)
    return min(1.0, (index + 1) / warm, left)
