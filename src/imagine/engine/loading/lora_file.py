"""A LoRA's file, or one of its relatives': read once, and bound to the layers of every model that it goes beside.

What is read of it is copied: a trainer may write its next epoch over the file at any time, and whoever reads from a
mapped file that was cut short dies. The copies are kept as they are stored where that takes less than what the layer
computes in, and else as the layer computes; all models of one device and dtype have the same.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Generator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Module

from ...messages import Message, Value, message
from ...words.adapter_names import bundled_word, layer_tensor
from ...words.errors import UnusableModel
from ...words.model import Component, Role
from ..adapters.adapter import Bound, Networks, SidePath
from ..adapters.kinds import kinds_of, side_path
from ..adapters.layer import Misfit
from ..adapters.low_rank import LowRank
from ..execution.homes import home_of
from .checkpoint_file import CheckpointFile
from .layer_names import LayerNames, NamedLayer
from .placing import FLOAT8
from .stated_alpha import StatedAlphas
from .weights import Weights

MOST = 50_000
"""Tensors of a file: five times what the largest have."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, *FLOAT8)
_WIDENED = ("FluxTransformer2DModel", "x_embedder")
"""The denoiser, and its layer, that some files have take a map's tokens beside the latents'."""
_NAMED, _LONGEST = 3, 80
"""Layers that a warning names, and characters of each."""


class LoraFile:
    """An `AdapterFile`."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._copies: dict[tuple[str, torch.device, torch.dtype], Tensor] = {}

    @property
    def nbytes(self) -> int:
        return sum(copy.nbytes for copy in self._copies.values())

    def bind(self, name: str, networks: Networks) -> Generator[None, None, Bound]:
        weights = CheckpointFile(self._component.path)
        layers = _sorted(name, weights.names)
        alphas, names = StatedAlphas(weights.metadata), LayerNames(networks)
        paths, left, strange = defaultdict[Role, dict[str, SidePath]](dict), list[str](), set[str]()
        seeing, first = dict[str, SidePath](), _first(networks)
        for layer, parts in layers.items():
            yield
            places = names.find(layer)
            try:
                widened = any(place.layer is first and _widens(weights, parts, place.layer) for place in places)
                made = [self._path(weights, parts, alphas, place, widened=widened) for place in places]
                if widened:
                    seeing |= {place.name: self._of_map(weights, parts, alphas, place) for place in places}
            except Misfit as error:
                raise UnusableModel(
                    message("lora.layer", "loras", name=name, layer=_cut(layer), why=error.note)
                ) from error
            if not made or None in made:
                left.append(layer)
                strange |= parts.keys() - {"alpha"} if places else set()
            for place, path in zip(places, made, strict=True):
                if path is not None and paths[place.role].setdefault(place.name, path) is not path:
                    raise UnusableModel(message("lora.twice", "loras", name=name, layer=_cut(layer)))
        if not paths and strange:
            raise UnusableModel(message("lora.kind", "loras", name=name, parts=_listed(sorted(strange))))
        if not paths:
            raise UnusableModel(message("lora.nothing", "loras", name=name, count=len(left)))
        return Bound(paths, _notes(name, len(layers), left), seeing)

    def _of_map(self, weights: Weights, parts: Mapping[str, str], alphas: StatedAlphas, place: NamedLayer) -> SidePath:
        """What it makes of a map's tokens beside a layer that it widens: all but the bias. Raises Misfit."""
        down, up = (self._copy(weights, part, parts[part], place.layer) for part in ("down", "up"))
        alpha = _alpha(weights, parts, alphas)
        return LowRank(place.layer, {"down": down.chunk(2, 1)[1], "up": up}, alpha)  # type: ignore[arg-type]

    def _path(
        self, weights: Weights, parts: Mapping[str, str], alphas: StatedAlphas, place: NamedLayer, *, widened: bool
    ) -> SidePath | None:
        """What it has beside a layer, by the names of its tensors; None where that can't be used there. Of one that it
        has `widened` what it makes of the latents' tokens. Raises Misfit."""
        layer, rows = place.layer, place.rows
        kinds = kinds_of(layer, parts.keys() - {"alpha"})
        if not kinds:
            return None
        alpha = _alpha(weights, parts, alphas)
        own = {part: self._copy(weights, part, named, layer) for part, named in parts.items() if part != "alpha"}
        if widened:
            own["down"] = own["down"].chunk(2, 1)[0]
        if rows is not None:
            own = {part: rows.cut(part, tensor) for part, tensor in own.items()}
        return side_path(kinds, layer, own, alpha, rows)

    def _copy(self, weights: Weights, part: str, named: str, layer: Module) -> Tensor:
        """A tensor of the file, where the layer is and as it is kept beside it."""
        stored, own, home = weights.stored(named), layer.get_parameter("weight").dtype, home_of(layer)
        if not weights.shape(named):  # one number, of whatever type
            return weights.read(named).float()
        if stored not in _FLOATS:
            raise Misfit(message("lora.part_type", part=part, dtype=str(stored).removeprefix("torch.")))
        dtype = stored if stored.itemsize < own.itemsize and stored not in FLOAT8 else own
        key = (named, home, dtype)
        if key not in self._copies:
            copy = weights.read(named).clone().to(dtype)
            if not bool(torch.isfinite(copy).all()):
                raise Misfit(message("lora.part_numbers", part=part))
            self._copies[key] = copy.to(home)
        return self._copies[key]


def _first(networks: Networks) -> Module | None:
    """The layer of a denoiser that files may widen, of one that has it."""
    denoiser, (kind, layer) = networks.get("denoiser"), _WIDENED
    return denoiser.get_submodule(layer) if denoiser is not None and type(denoiser).__name__ == kind else None


def _widens(weights: Weights, parts: Mapping[str, str], layer: Module) -> bool:
    """Does it have the layer take twice as much as it does?"""
    if not {"down", "up"} <= parts.keys():
        return False
    return weights.shape(parts["down"])[1:] == (2 * layer.get_parameter("weight").shape[1],)


def _sorted(name: str, tensors: Collection[str]) -> dict[str, dict[str, str]]:
    """The names of a file's tensors by layer and part, without those of the embeddings that lie beside them."""
    if len(tensors) > MOST:
        raise UnusableModel(message("lora.many", "loras", name=name, count=len(tensors), most=MOST))
    layers = defaultdict[str, dict[str, str]](dict)
    for tensor in tensors:
        if bundled_word(tensor) is not None:
            continue
        told = layer_tensor(tensor)
        layer, part = (tensor, "") if told is None else (told.layer, told.part)
        if layers[layer].setdefault(part, tensor) is not tensor:
            raise UnusableModel(message("lora.twice", "loras", name=name, layer=_cut(layer)))
    return layers


def _alpha(weights: Weights, parts: Mapping[str, str], stated: StatedAlphas) -> float | None:
    """What a layer is scaled by, times its rank; None where the file doesn't say it."""
    if "alpha" in parts:
        tensor = weights.read(parts["alpha"])
        return float(tensor.float()) if tensor.numel() == 1 else math.nan
    down = parts.get("down")
    return None if down is None else stated.of(down, weights.shape(down)[0] if weights.shape(down) else 0)


def _notes(name: str, total: int, left: Sequence[str]) -> tuple[Message, ...]:
    if not left:
        return ()
    return (message("lora.unused", "loras", name=name, count=len(left), total=total, names=_listed(left)),)


def _listed(names: Sequence[str]) -> Value:
    shown = ", ".join(map(_cut, names[:_NAMED]))
    return shown if len(names) <= _NAMED else message("names.more", names=shown, more=len(names) - _NAMED)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
