"""The layouts by whose names trainers call a transformer's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.nn import Module

from . import auraflow, chroma, flux, flux2, lumina2, pixart, qwen_image, sana, sd3, z_image
from .layout import Layout

_LAYOUTS: Mapping[str, Callable[[Any], tuple[Layout, ...]]] = {
    "AuraFlowTransformer2DModel": lambda _: (auraflow.LAYOUT,),
    "FluxTransformer2DModel": lambda _: (flux.LAYOUT, flux.XLABS),
    "Flux2Transformer2DModel": lambda _: (flux2.LAYOUT,),
    "ChromaTransformer2DModel": lambda _: (chroma.LAYOUT, flux.XLABS),
    "Lumina2Transformer2DModel": lambda _: (lumina2.LAYOUT,),
    "PixArtTransformer2DModel": lambda _: (pixart.LAYOUT,),
    "QwenImageTransformer2DModel": lambda _: (qwen_image.LAYOUT,),
    "SanaTransformer2DModel": lambda _: (sana.LAYOUT,),
    "ZImageTransformer2DModel": lambda _: (z_image.LAYOUT,),
    "SD3Transformer2DModel": lambda network: (sd3.layout_of(len(network.transformer_blocks)),),
}


def layouts_of(network: Module) -> tuple[Layout, ...]:
    """None for what is no such transformer."""
    found = _LAYOUTS.get(type(network).__name__)
    return () if found is None else found(network)
