"""What every family has whose denoiser is a U-Net: how it is guided, and what one that inpaints sees."""

from __future__ import annotations

import torch
from torch import Tensor

from ...messages import Message
from ..parts.autoencoder import Autoencoder
from ..parts.denoiser import DenoiserPart
from ..parts.prompts import TextEncoder
from ..sampling.guidance import Guided
from ..sampling.noise import Noise
from .stepped_model import SteppedModel


class UNetModel(SteppedModel):
    """Guided by a second row. What it is conditioned by beside the prompt's tokens, which rows hold as `context`, and
    what an inpainting checkpoint sees, their `inpainting`, is for the families to say."""

    def __init__(
        self, name: str, *, denoiser: DenoiserPart, text: TextEncoder, autoencoder: Autoencoder, noise: Noise,
        native: int, warnings: tuple[Message, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(
            name, denoiser=denoiser, encoders=text.parts, autoencoder=autoencoder, noise=noise, native=native,
            warnings=warnings,
        )  # fmt: skip
        self._text = text
        self.takes_mask = denoiser.in_channels == 2 * self.latent_channels + 1

    def cfg(self, told: Guided) -> float:
        return told.guidance

    def inpainting_channels(self, mask: Tensor, masked: Tensor) -> Tensor:
        painted = torch.nn.functional.max_pool2d(mask, self.downscale) >= 0.5
        return torch.cat([painted.to(masked), masked], 1)
