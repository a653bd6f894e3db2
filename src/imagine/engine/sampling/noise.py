"""How a checkpoint's training data was noised: the only thing that samplers and model families share."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...words.samplers import NoiseKind

Prediction = Literal["epsilon", "v_prediction", "flow"]
Spacing = Literal["", "linspace", "leading", "trailing"]


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The noise process of a checkpoint; the defaults are Stable Diffusion 1's.

    `prediction` is what the denoiser answers: the noise (`epsilon`), the velocity of Salimans & Ho (`v_prediction`),
    or the straight line from data to noise (`flow`, timesteps 0…`train_steps`). The betas don't matter to `flow`.
    """

    prediction: Prediction = "epsilon"
    zero_snr: bool = False
    """Trained with betas rescaled so that the last timestep is pure noise (Lin et al. 2023); needs `v_prediction`."""
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: Literal["scaled_linear", "linear", "squaredcos_cap_v2"] = "scaled_linear"
    train_steps: int = 1000
    shift: float = 1.0
    """Flow only: sigma becomes shift·sigma / (1 + (shift − 1)·sigma). A resolution-dependent mu is shift = exp(mu)."""
    terminal: float = 0.0
    """Flow only: the last sigma above 0, until which all are stretched away from 1; 0: none are."""
    spacing: Spacing = ""
    """The timestep spacing that the checkpoint's own scheduler file asks for; it replaces that of schedule `default`
    only, and not at zero terminal SNR, where it is always trailing. Empty: the sampler's own."""

    @property
    def kind(self) -> NoiseKind:
        """Which part of the table of samplers holds for it."""
        if self.prediction == "flow":
            return "flow"
        return "zero_snr" if self.zero_snr else "ordinary"
