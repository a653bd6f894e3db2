"""The layouts by whose names trainers call a transformer's layers."""

from __future__ import annotations

from collections.abc import Mapping

from torch.nn import Module

from . import chroma, flux
from .layout import Layout

_LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "FluxTransformer2DModel": (flux.LAYOUT, flux.XLABS),
    "ChromaTransformer2DModel": (chroma.LAYOUT, flux.XLABS),
}


def layouts_of(network: Module) -> tuple[Layout, ...]:
    """None for what is no such transformer."""
    return _LAYOUTS.get(type(network).__name__, ())
