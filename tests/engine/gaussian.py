"""A denoiser known in closed form: the ideal one for pixels drawn from N(mean, std²)."""

import functools

import diffusers
import numpy as np
import torch

from imagine.engine.sampling.noise import Noise

MEAN, STD = 0.8, 0.2


def sigma_at(timestep: float, noise: Noise) -> float:
    """The noise level of a training timestep, linear between whole ones; of a flow, the timestep itself."""
    if noise.prediction == "flow":
        return timestep / noise.train_steps
    table = _training_sigmas(noise.zero_snr)
    return float(np.interp(timestep, np.arange(len(table)), table))


def expected_clean(x: torch.Tensor, signal: float, sigma: float) -> torch.Tensor:
    """E[x0 | x] where x = signal·x0 + sigma·noise."""
    variance = signal**2 * STD**2 + sigma**2
    return MEAN + signal * STD**2 / variance * (x - signal * MEAN)


def answer(x: torch.Tensor, timestep: float, noise: Noise) -> torch.Tensor:
    """What the ideal denoiser of that prediction says to the scaled input `x`."""
    sigma = sigma_at(timestep, noise)
    if noise.prediction == "flow":
        return (x - expected_clean(x, 1 - sigma, sigma)) / sigma
    alpha, sigma = 1 / np.hypot(1, sigma), sigma / np.hypot(1, sigma)
    clean = expected_clean(x, alpha, sigma)
    epsilon = (x - alpha * clean) / sigma
    return epsilon if noise.prediction == "epsilon" else alpha * epsilon - sigma * clean


@functools.cache
def _training_sigmas(zero_snr: bool) -> np.ndarray:
    made = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", rescale_betas_zero_snr=zero_snr
    )
    return (((1 - made.alphas_cumprod) / made.alphas_cumprod) ** 0.5).double().numpy()
