"""Networks that another model holds already are taken as they are, and not read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import torch

from ...words.model import Component, Model, Role
from ..parts.part import Held, ModulePart
from ..parts.part_key import PartKey, files_of
from .family_config import FamilyConfig, TextEncoderConfig
from .networks import Network

P = TypeVar("P", bound=ModulePart)


def text_key(model: Model, encoder: TextEncoderConfig, dtype: torch.dtype | None) -> PartKey:
    """Of a text encoder. From a file of its own it is the same, whatever the family has it for."""
    files = files_of(model.component(encoder.role))
    if encoder.role in model.parts:
        encoder = msgspec.structs.replace(encoder, role="text_encoder", prefix="")
    return PartKey(files, f"text {_written(encoder)}", str(dtype))


def t5_key(model: Model, role: Role, dtype: torch.dtype | None) -> PartKey:
    """Of a T5, the same whatever family has it, and for what."""
    return PartKey(files_of(model.component(role)), "t5", str(dtype))


def qwen_key(model: Model, role: Role, dtype: torch.dtype | None) -> PartKey:
    """Of a Qwen or a Mistral, the same whatever family has it, and for what."""
    return PartKey(files_of(model.component(role)), "qwen", str(dtype))


def unet_key(model: Model, family: str, pooled: int, dtype: torch.dtype | None) -> PartKey:
    """Of a U-Net that takes a pooled prompt of that width. What pictures it was trained on changes nothing of it."""
    compiled = {None: "", False: " plain", True: " compiled"}[model.main.options.get("compile")]
    return PartKey(files_of(model.main), f"unet {family} {pooled}{compiled}", str(dtype))


def vae_key(model: Model, family: FamilyConfig, dtype: torch.dtype | None) -> PartKey:
    """Of a VAE."""
    return PartKey(files_of(model.component("vae")), f"vae {_written(family.vae)}", str(dtype))


def folder_key(component: Component, folders: tuple[str, ...], dtype: torch.dtype | None, kind: str = "") -> PartKey:
    """Of a network in a diffusers folder, which `folders` of it make up with their settings; `kind` is its class."""
    files = [file for folder in folders for file in files_of(component, folder)]
    return PartKey(tuple(files), f"{folders[0]} {kind}", str(dtype))


def network_or_held(key: PartKey, held: Held, build: Callable[[], Network]) -> Network:
    """What `build` makes, unless the part is held: then there is nothing to fill."""
    part = held.get(key)
    return build() if part is None else Network(key.network.split()[0], part.module, {}, part.dtype)


def part_or_held(held: Held, part: P) -> P:
    """The part that is held in this one's stead, where there is one."""
    there = held.get(part.key) if part.key is not None else None
    return there if isinstance(there, type(part)) else part


def _written(settings: object) -> str:
    return msgspec.json.encode(settings, order="deterministic").decode()
