"""Scheduler classes of our own, where diffusers has an update wrong, slow, or tied to the device."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..device.transfer import sent
from ..libraries.light import (
    BrownianTreeNoiseSampler,
    DPMSolverMultistepScheduler,
    LMSDiscreteScheduler,
    UniPCMultistepScheduler,
)


class ThirdOrderSdeScheduler(DPMSolverMultistepScheduler):
    """k-diffusion's DPM++ 3M SDE: DPM-Solver++'s SDE from the last three predictions.

    diffusers 0.42 has −1/2 for +1/2 in the weight of the second difference, −phi_3 here. That weight must vanish with
    the step; theirs tends to −1, and on x0 = log(SNR)² their error is that of a first-order method, 40 times ours
    at 80 steps and worse than the second-order sampler's.
    """

    def multistep_dpm_solver_third_order_update(
        self, model_output_list: list[Tensor], *args: Any, sample: Tensor, noise: Tensor, **kwargs: Any
    ) -> Tensor:
        """One step from the last three predictions of x0, newest last; `noise` is standard normal."""
        del args, kwargs
        newest, newer, oldest = model_output_list[-1], model_output_list[-2], model_output_list[-3]
        at = [self._sigma_to_alpha_sigma_t(self.sigmas[self.step_index + i]) for i in (1, 0, -1, -2)]
        logs = [torch.log(alpha) - torch.log(sigma) for alpha, sigma in at]
        (alpha, sigma), (_, sigma_from) = at[:2]
        h = logs[0] - logs[1]
        r0, r1 = (logs[1] - logs[2]) / h, (logs[2] - logs[3]) / h
        first, second = (newest - newer) / r0, (newer - oldest) / r1
        slope = first + (first - second) * r0 / (r0 + r1)
        curve = (first - second) / (r0 + r1)
        u = 2 * h
        phi_1 = -torch.expm1(-u)
        phi_2 = 1 - phi_1 / u
        phi_3 = phi_2 / u - 0.5
        drift = phi_1 * newest + phi_2 * slope - phi_3 * curve
        return sigma / sigma_from * torch.exp(-h) * sample + alpha * drift + sigma * torch.sqrt(phi_1) * noise


class LinearMultistepScheduler(LMSDiscreteScheduler):
    """LMS whose coefficients are exact and cost microseconds, not the milliseconds of adaptive quadrature."""

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        """The integral of the Lagrange basis polynomial over step `t`, by two-point Gauss-Legendre: exact to cubics."""
        sigmas = self.sigmas[t + 1 - order : t + 2].tolist()[::-1]
        end, start, *_ = sigmas
        nodes = sigmas[1:]
        here = nodes.pop(current_order)
        half, middle = (end - start) / 2, (end + start) / 2
        points = (middle - half / math.sqrt(3), middle + half / math.sqrt(3))
        return half * sum(math.prod((tau - node) / (here - node) for node in nodes) for tau in points)


class BrownianPath:
    """One job's Brownian motion over sigma, made on the CPU: the same noise on every device, from a seed of its own."""

    def __init__(self, shape: torch.Size, sigmas: Tensor, seed: int, device: torch.device) -> None:
        self._shape, self._seed, self._device = shape, seed, device
        # torchsde keeps its times to 6 decimals, and warns when asked for one beyond its rounded ends.
        self._low, self._high = (round(float(end), 6) for end in (sigmas[sigmas > 0].min(), sigmas.max()))

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Standard normal noise for the step from `sigma` to `sigma_next`."""
        ends = (end.double().clamp(self._low, self._high) for end in (sigma, sigma_next))
        noise: Tensor = self._read(*ends)
        return sent(noise, self._device)

    @functools.cached_property
    def _read(self) -> BrownianTreeNoiseSampler:
        # Made when first read: a schedule of one level has no path, and never asks.
        return BrownianTreeNoiseSampler(torch.zeros(self._shape), self._low, self._high, self._seed)


class PredictorCorrectorScheduler(UniPCMultistepScheduler):
    """UniPC's two updates with their few numbers on the CPU; the same operations, and so the same bits there.

    diffusers makes them on the latents' device, where each waits for all that was given to it before (eight waits a
    step), and solves for the weights there, which Apple's can't.
    """

    def multistep_uni_p_bh_update(
        self, model_output: Tensor, *args: Any, sample: Tensor, order: int, **kwargs: Any
    ) -> Tensor:
        """The predictor's step of that order, from the last predictions of x0."""
        del model_output, args, kwargs
        newest = self.model_outputs[-1]
        step = self._unified(self.step_index + 1, order)
        half = torch.ones(1) * 0.5
        weights = half if order < 3 else torch.linalg.solve(step.powers[:-1, :-1], step.wanted[:-1])
        mixed = 0 if order == 1 else _mixed(weights, self._slopes(step))
        begun = step.sigma / step.sigma_from * sample - step.alpha * step.phi * newest
        return (begun - step.alpha * step.scale * mixed).to(sample.dtype)

    def multistep_uni_c_bh_update(
        self, this_model_output: Tensor, *args: Any, last_sample: Tensor, this_sample: Tensor, order: int, **kwargs: Any
    ) -> Tensor:
        """The step before made again, now that its end's prediction of x0 is there too."""
        del args, kwargs
        newest = self.model_outputs[-1]
        step = self._unified(self.step_index, order)
        weights = torch.ones(1) * 0.5 if order == 1 else torch.linalg.solve(step.powers, step.wanted)
        mixed = 0 if order == 1 else _mixed(weights[:-1], self._slopes(step))
        begun = step.sigma / step.sigma_from * last_sample - step.alpha * step.phi * newest
        change = mixed + weights[-1] * (this_model_output - newest)
        return (begun - step.alpha * step.scale * change).to(this_sample.dtype)

    def _unified(self, index: int, order: int) -> _Unified:
        """The step to `index`: Zhao et al. 2023 (arXiv:2302.04867), B(h) = e^h − 1, predicting x0."""
        alpha, sigma = self._sigma_to_alpha_sigma_t(self.sigmas[index])
        alpha_from, sigma_from = self._sigma_to_alpha_sigma_t(self.sigmas[index - 1])
        log_from = torch.log(alpha_from) - torch.log(sigma_from)
        h = torch.log(alpha) - torch.log(sigma) - log_from
        ratios = []
        for back in range(1, order):
            alpha_back, sigma_back = self._sigma_to_alpha_sigma_t(self.sigmas[index - 1 - back])
            ratios.append((torch.log(alpha_back) - torch.log(sigma_back) - log_from) / h)
        points = torch.stack([*ratios, torch.ones(())])
        scale, factorial, wanted = torch.expm1(-h), 1, []
        phi = scale / -h - 1
        for i in range(1, order + 1):
            wanted.append(phi * factorial / scale)
            factorial *= i + 1
            phi = phi / -h - 1 / factorial
        powers = torch.stack([torch.pow(points, i) for i in range(order)])
        return _Unified(alpha, sigma, sigma_from, torch.expm1(-h), scale, ratios, powers, torch.stack(wanted))

    def _slopes(self, step: _Unified) -> list[Tensor]:
        """How the prediction of x0 changed to each of the earlier ones, over its part of the step."""
        newest = self.model_outputs[-1]
        return [(self.model_outputs[-(i + 2)] - newest) / ratio for i, ratio in enumerate(step.ratios)]


class _Unified(NamedTuple):
    """One step's numbers, all on the CPU."""

    alpha: Tensor
    sigma: Tensor
    sigma_from: Tensor
    phi: Tensor
    """e^−h − 1"""
    scale: Tensor
    """B(−h)"""
    ratios: list[Tensor]
    """Where earlier predictions lie, in parts of the step."""
    powers: Tensor
    wanted: Tensor
    """The weights solve powers · weights = wanted."""


def _mixed(weights: Tensor, slopes: list[Tensor]) -> Tensor:
    """The slopes (1, C, h, w), weighted and added."""
    return torch.einsum("k,bkc...->bc...", sent(weights, slopes[0].device), torch.stack(slopes, dim=1))
