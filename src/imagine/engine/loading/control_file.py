"""The file of a control, or its folder, as the network that it is beside a denoiser. Mapped and checked as checkpoints
are, and read once for all models that it goes beside alike."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch

from ...messages import message
from ...words.errors import ModelChanged, Unsupported, UnusableModel
from ...words.model import Component, Model
from ..adapters.layer import Misfit
from ..control.borrowed import borrow
from ..control.control_network import ControlNetwork
from ..control.controlnet import ControlNet
from ..execution.execution import Home
from ..execution.homes import visits
from ..libraries.light import ControlNetModel, UNet2DConditionModel
from ..parts.slices import Slices
from . import flux_control, qwen_image_control, sd3_control, unet_control, z_image_control
from .assembly import build, empty, fill
from .checkpoint_file import CheckpointFile
from .control_kind import Said, TellControl
from .control_names import LOW_RANK, with_control_names
from .control_shapes import controlnet_settings
from .folder_file import read_json, read_weights
from .part_file import refusing
from .placing import place_all, stored_dtype
from .watch import Watch
from .weights import Shards, Tensors, Weights, read_all

_PART = "control network"
MOST = 20_000
"""Tensors of a file: ten times what the largest have."""
_TOLD: Mapping[str, TellControl] = {
    "FluxTransformer2DModel": flux_control.told, "QwenImageTransformer2DModel": qwen_image_control.told,
    "SD3Transformer2DModel": sd3_control.told, "UNet2DConditionModel": unet_control.told,
    "ZImageTransformer2DModel": z_image_control.told,
}  # fmt: skip
"""By what diffusers calls the denoiser beside."""
_STEMS = ("diffusion_pytorch_model", "model")
_REVISIONS = "snapshots"
"""In the Hub's cache, where a repository's folder has one for each of its revisions."""


class ControlFile:
    """Opened; a `KeptSource`. What is made of it holds it, and not the other way round."""

    def __init__(self, component: Component, name: str) -> None:
        """`name` is what it is called. Raises ModelChanged."""
        self._component, self._name = component, name
        self._watch = Watch(Model(name=name, family="", components=(component,)))
        self._networks: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._sizes: dict[str, int] = {}

    @property
    def nbytes(self) -> int:
        return sum(self._sizes[key] for key in self._networks)

    def check(self) -> None:
        """Raises ModelChanged where somebody wrote into it."""
        self._watch.check()

    def bind(self, denoiser: Any, home: Home) -> Slices[ControlNetwork]:
        """The network beside a denoiser that works there. Raises Unsupported, UnusableModel, ModelChanged."""
        told = _TOLD.get(type(denoiser).__name__)
        if told is None:
            raise Unsupported(message("control.family", "control"))
        try:
            with refusing():
                return (yield from self._bound(denoiser, home, told))
        except Misfit as error:
            raise self._refusal(error) from error
        except UnusableModel as error:
            if isinstance(error, ModelChanged):
                raise
            raise self._refusal(error) from error
        finally:
            self._watch.check_paths()

    def _refusal(self, error: Misfit | UnusableModel) -> UnusableModel:
        return UnusableModel(message("control.file", "control", name=self._name, why=error.note))

    def _bound(self, denoiser: Any, home: Home, told: TellControl) -> Slices[ControlNetwork]:
        weights = self._weights()
        if len(weights.names) > MOST:
            raise UnusableModel(message("control.many", count=len(weights.names), most=MOST))
        if LOW_RANK in weights.names:
            return (yield from self._borrowed(weights, denoiser, home))
        kind = told(weights, denoiser, Said(self._stem, self._stated()))
        key = f"{kind.settings} {kind.more} {home}"
        there: ControlNetwork | None = self._networks.get(key)
        if there is None:
            tensors = read_all(kind.weights)
            module = build(_PART, partial(kind.constructor, **kind.settings), tensors)
            module = fill(module, (yield from self._placed(tensors, home, key)), *home)
            made = kind.network(module, self.check, **kind.more)
            there = self._networks[key] = made
        return there

    def _borrowed(self, weights: Weights, unet: Any, home: Home) -> Slices[ControlNetwork]:
        """A control-LoRA, most of which is the U-Net's, or a copy of that where it comes to its device only to work.
        Raises Unsupported beside what is no U-Net."""
        if not isinstance(unet, UNet2DConditionModel):
            raise Unsupported(message("control.family", "control"))
        tensors = read_all(with_control_names(weights))
        del tensors[LOW_RANK]
        shapes = {name: tuple(each.shape) for name, each in [*unet.named_parameters(), *tensors.items()]}
        module = empty(_PART, partial(ControlNetModel, **controlnet_settings(shapes, unet.config)))
        key = f"borrowed {id(unet)}"
        left = borrow(module, unet, (yield from self._placed(tensors, home, key)))
        if left:
            raise UnusableModel(message("weights.unexpected", part=_PART, names=", ".join(left[:3])))
        if visits(unet):
            self._sizes[key] = sum(parameter.nbytes for parameter in module.parameters())
        made = self._networks[key] = ControlNet(module, self.check, laid_out=True)
        return made

    def _placed(self, tensors: Tensors, home: Home, key: str) -> Slices[Tensors]:
        """The tensors where the denoiser works and as it computes. Raises UnusableModel for what are no numbers
        there."""
        stored_dtype(tensors)
        placed: Tensors = {}
        in_order = sorted(tensors.items(), key=lambda each: each[1].data_ptr())
        tensors.clear()
        for name, tensor, _ in place_all(in_order, *home):
            if not bool(torch.isfinite(tensor).all()):
                raise UnusableModel(message("control.numbers", name=name))
            placed[name] = tensor
            yield
        self._sizes[key] = sum(tensor.nbytes for tensor in placed.values())
        return placed

    @property
    def _stem(self) -> str:
        """What it is called, by itself or, where libraries gave it its name, by its folder, or by its repository."""
        path = Path(self._component.path)
        if not path.is_dir():
            if path.name.partition(".")[0] not in _STEMS:
                return path.stem
            path = path.parent
        return path.parent.parent.name if path.parent.name == _REVISIONS else path.name

    def _weights(self) -> Weights:
        path = Path(self._component.path)
        return Shards(read_weights(path)) if path.is_dir() else CheckpointFile(str(path))

    def _stated(self) -> dict[str, Any]:
        """What diffusers' settings beside the weights say; nothing where there are none."""
        path = Path(self._component.path)
        folder = path if path.is_dir() else path.parent
        config = folder / "config.json"
        is_diffusers = path.is_dir() or path.stem.startswith(_STEMS)
        return read_json(config) if is_diffusers and config.is_file() else {}
