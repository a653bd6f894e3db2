"""A model on the device, who uses it and until when, and what previews of its pictures are made with."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

import torch

from ...families.memory import Way
from ...messages import Message, message
from ...words.errors import UnusableModel
from ...words.model import Component, Model
from ..families.enlarger import Enlarger
from ..families.loaded_model import LoadedModel
from ..families.mapper import Mapper
from ..loading.tiny_vae_file import read_tiny_decoder
from ..loading.watch import Watch
from ..parts.slices import whole
from ..parts.tiny_decoder import TinyDecoder
from ..whole.pipeline import Whole
from .preview import LinearPreview, fit


@dataclass
class Resident:
    """A model on the device, the jobs that use it, and when it may go."""

    model: Model
    family: LoadedModel
    keep_alive: float
    """Seconds after its last use; negative: for ever."""
    last_used: float
    watch: Watch
    users: set[str] = field(default_factory=set)
    leaving: bool = False
    """It goes with its last user, and takes no new ones."""
    way: Way = "all"
    """How it is held on the device."""
    news: Message | None = None
    """What is to be said once, to whoever draws with it first."""
    _preview: LinearPreview | None = None
    _tiny: dict[str, TinyDecoder] = field(default_factory=dict)
    _fitting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def expires(self) -> float:
        """The time at which it goes, unless used again: infinity while in use or kept for ever."""
        return math.inf if self.users or self.keep_alive < 0 else self.last_used + self.keep_alive

    def told(self) -> tuple[Message, ...]:
        """Its news, which are told then."""
        news, self.news = self.news, None
        return () if news is None else (news,)

    @property
    def preview(self) -> LinearPreview:
        """Its map from latents to colours, fitted at first use: from any thread."""
        assert not isinstance(self.family, Enlarger | Mapper), "nothing is painted"
        family = self.family
        with self._fitting:
            if self._preview is None:
                self._preview = fit(lambda pixels: whole(family.encode_picture(pixels)).values, family.downscale)
            return self._preview

    def tiny(self, component: Component, device: torch.device) -> TinyDecoder:
        """A tiny VAE's decoder for its latents, read at first use: from any thread. Raises UnusableModel."""
        assert not isinstance(self.family, Enlarger | Mapper | Whole), "it has no latents of its family's"
        identity, family = component.path + component.digest, self.family
        with self._fitting:
            if identity not in self._tiny:
                made = read_tiny_decoder(component)
                if (made.channels, made.scale) != (family.latent_channels, family.downscale):
                    taken, own = {"taken": made.channels, "scale": made.scale}, family.downscale
                    raise UnusableModel(message("tiny.channels", made=family.latent_channels, own=own, **taken))
                self._tiny[identity] = made.to(device)
            return self._tiny[identity]
