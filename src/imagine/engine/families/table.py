"""How the models of each family are opened: beside a family's row of facts, the one place that names it.

An opener takes what the gateway says of a model, the family's facts, the device, whom to tell how much is there, and
the parts that are held already.
"""

from __future__ import annotations

from collections.abc import Callable

from ...families.facts import FamilyFacts
from ...words.model import Model
from ..device.device import Device
from ..parts.part import Held
from .auraflow import open_auraflow
from .chroma import open_chroma
from .family import Family
from .flux import open_flux
from .flux2 import open_flux2
from .lumina2 import open_lumina2
from .pixart import open_pixart
from .qwen_image import open_qwen_image
from .sana import open_sana
from .sd3 import open_sd3
from .sdxl import open_sdxl
from .stable_diffusion import open_stable_diffusion
from .z_image import open_z_image

Opener = Callable[[Model, FamilyFacts, Device, Callable[[float], None], Held], Family]
"""Raises UnusableModel, saying why the model can't be used."""

OPENERS: dict[str, Opener] = {
    "stable_diffusion": open_stable_diffusion,
    "sd2": open_stable_diffusion,
    "sdxl": open_sdxl,
    "flux": open_flux,
    "auraflow": open_auraflow,
    "chroma": open_chroma,
    "flux2": open_flux2,
    "lumina2": open_lumina2,
    "pixart": open_pixart,
    "qwen-image": open_qwen_image,
    "sana": open_sana,
    "sdxl_refiner": open_sdxl,
    "sd3": open_sd3,
    "sd3.5": open_sd3,
    "z-image": open_z_image,
}
"""By the family's name."""
