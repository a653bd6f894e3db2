"""The file of a control, or its folder, as the network that it is: a ControlNet, a union, a control-LoRA, or a
T2I-Adapter. Mapped and checked as checkpoints are, and read once for all models that it goes beside alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import torch

from ...messages import message
from ...words.errors import ModelChanged, Unsupported, UnusableModel
from ...words.model import Component, Model
from ..adapters.layer import Misfit
from ..control.borrowed import borrow
from ..control.control_network import ControlNetwork
from ..control.controlnet import ControlNet, UnionNet
from ..control.feature_adapter import FeatureAdapter
from ..libraries.light import ControlNetModel, ControlNetUnionModel, T2IAdapter, UNet2DConditionModel
from ..parts.slices import Slices
from .assembly import build, empty, fill
from .checkpoint_file import CheckpointFile
from .control_names import LOW_RANK, with_control_names, with_t2i_names
from .control_shapes import controlnet_settings, t2i_settings, union_settings
from .folder_file import read_json, read_weights
from .maps.sizes import Shapes
from .part_file import refusing
from .placing import place_all, stored_dtype
from .watch import Watch
from .weights import Shards, Tensors, Weights, read_all

_PART = "control network"
MOST = 20_000
"""Tensors of a file: ten times what the largest have."""
_FOREIGN = ("control_to_base_for_conv_in.weight", "enc_zero_convs_out.0.weight", "controlnet_cond_embedding.weight")
"""What tells networks that go beside no U-Net of ours: ControlNet-XS and SparseCtrl."""
_POOLED = "shuffle"
"""Of the original files only their name tells that what they add is one number a channel, as AUTOMATIC1111 has it."""
_STEMS = ("diffusion_pytorch_model", "model")


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

    def bind(self, unet: Any) -> Slices[ControlNetwork]:
        """The network beside a U-Net. Raises Unsupported, UnusableModel, ModelChanged."""
        if not isinstance(unet, UNet2DConditionModel):
            raise Unsupported(message("control.family", "control"))
        try:
            with refusing():
                return (yield from self._bound(unet))
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

    def _bound(self, unet: Any) -> Slices[ControlNetwork]:
        weights, stated = self._weights(), self._stated()
        if len(weights.names) > MOST:
            raise UnusableModel(message("control.many", count=len(weights.names), most=MOST))
        if LOW_RANK in weights.names:
            return (yield from self._borrowed(weights, unet))
        kind, settings = _told(weights, unet.config)
        if kind.of_steps and (stated.get("global_pool_conditions") or _POOLED in self._stem.lower()):
            settings["global_pool_conditions"] = True
        flipped = stated.get("controlnet_conditioning_channel_order") == "bgr"
        device, dtype = _home(unet)
        key = f"{settings} {flipped} {device} {dtype}"
        there: ControlNetwork | None = self._networks.get(key)
        if there is None:
            tensors = read_all(kind.named(weights))
            module = build(_PART, partial(kind.constructor, **settings), tensors)
            module = fill(module, (yield from self._placed(tensors, unet, key)), device, dtype)
            made = kind.network(module, self.check, flipped=flipped)
            there = self._networks[key] = made
        return there

    def _borrowed(self, weights: Weights, unet: Any) -> Slices[ControlNetwork]:
        """A control-LoRA, most of which is the U-Net's."""
        tensors = read_all(with_control_names(weights))
        del tensors[LOW_RANK]
        shapes = {name: tuple(each.shape) for name, each in [*unet.named_parameters(), *tensors.items()]}
        module = empty(_PART, partial(ControlNetModel, **controlnet_settings(shapes, unet.config)))
        key = f"borrowed {id(unet)}"
        left = borrow(module, unet, (yield from self._placed(tensors, unet, key)))
        if left:
            raise UnusableModel(message("weights.unexpected", part=_PART, names=", ".join(left[:3])))
        made = self._networks[key] = ControlNet(module, self.check, laid_out=True)
        return made

    def _placed(self, tensors: Tensors, unet: Any, key: str) -> Slices[Tensors]:
        """The tensors where the U-Net is and as it computes. Raises UnusableModel for what are no numbers there."""
        stored_dtype(tensors)
        placed: Tensors = {}
        in_order = sorted(tensors.items(), key=lambda each: each[1].data_ptr())
        tensors.clear()
        for name, tensor, _ in place_all(in_order, *_home(unet)):
            if not bool(torch.isfinite(tensor).all()):
                raise UnusableModel(message("control.numbers", name=name))
            placed[name] = tensor
            yield
        self._sizes[key] = sum(tensor.nbytes for tensor in placed.values())
        return placed

    @property
    def _stem(self) -> str:
        return Path(self._component.path).stem

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


class _ControlKind(NamedTuple):
    """One of those whose file has all of its weights."""

    constructor: Callable[..., Any]
    named: Callable[[Weights], Weights]
    settings: Callable[[Shapes, Mapping[str, Any]], dict[str, Any]]
    network: Callable[..., ControlNetwork]
    of_steps: bool = True
    """It sees the latents of each step."""


_CONTROLNET = _ControlKind(ControlNetModel, with_control_names, controlnet_settings, ControlNet)
_UNION = _ControlKind(ControlNetUnionModel, with_control_names, union_settings, UnionNet)
_T2I = _ControlKind(T2IAdapter, with_t2i_names, t2i_settings, FeatureAdapter, of_steps=False)


def _told(weights: Weights, unet: Mapping[str, Any]) -> tuple[_ControlKind, dict[str, Any]]:
    """What kind of network it is, and its settings. Raises UnusableModel."""
    names = with_control_names(weights).names
    if any(name in names or name in weights.names for name in _FOREIGN):
        raise UnusableModel(message("control.foreign"))
    adapts = any(name.startswith(("adapter.body.", "body.")) for name in weights.names)
    kind = _T2I if adapts else _UNION if "task_embedding" in names else _CONTROLNET
    named = kind.named(weights)
    return kind, kind.settings({name: named.shape(name) for name in named.names}, unet)


def _home(unet: Any) -> tuple[torch.device, torch.dtype]:
    parameter = next(unet.parameters())
    return parameter.device, parameter.dtype
