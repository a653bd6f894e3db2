"""A U-Net on a CPU that has AVX-512 with its weights laid out for oneDNN once, rather than in every call.

torch keeps weights and pictures as they are read, and has oneDNN lay both out anew at each layer of each step. Here the
weights are laid out before the first forward, and kept that way alone; pictures have their channels last throughout,
which is what the kernels work on and what attention reads without a copy. The kernels are the same.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Conv2d, Linear, Module, Parameter, functional

from ..quantised.tensor import Quantised
from .attention import HeadsApart
from .execution import Eager, Inputs
from .flow import attends_to_itself, shorten
from .wrapping import surrounded

Release = Callable[[int, int], None]
_OPERATIONS = (
    "_reorder_linear_weight", "_linear_pointwise", "_reorder_convolution_weight", "_convolution_pointwise",
)  # fmt: skip
"""What torch's own compiler calls of oneDNN. Where a release lacks one, networks run as they come."""
_BLOCK, _WIDE = 64, 256
"""Channels. Weights whose channels are whole blocks are laid out alike for pictures of any size. Others aren't, and are
convolved twenty times as slowly where they were laid out for another; and of networks that are narrow norms take longer
with the channels last (Toybox's forward 1.6 × as long, measured). Kernels of AVX2 lay out by the number of rows, too
(six times as slow for another, measured), and those of AMX weren't measured: there networks run as they come."""
_USUAL = (2, 32, 32)
"""Rows and sides that convolutions are laid out for. Of other shapes they take as long (within 5 %, measured)."""


def can_pack(device: torch.device, network: Any) -> bool:
    """Has this machine the kernels, and is the network one that they are faster for?"""
    widths: Sequence[int] = getattr(network.config, "block_out_channels", ())
    return (
        bool(widths)  # a U-Net's
        and device.type == "cpu"
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and not torch.cpu._is_amx_tile_supported()
        and min(widths) >= _WIDE
        and not any(width % _BLOCK for width in widths)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in _OPERATIONS)
    )


class Packed(Eager):
    """Changes the network at its first forward. `release` is told the address and length of what was read of a mapped
    file, and won't be again."""

    def __init__(self, network: Any, release: Release, apart: HeadsApart | None = None) -> None:
        super().__init__(network)
        self._release, self._apart = release, apart

    def run(self, inputs: Inputs) -> Tensor:
        lay_out(self._network, self._release, self._apart)
        latents = inputs.latents.contiguous(memory_format=torch.channels_last)
        return super().run(inputs._replace(latents=latents)).contiguous()

    def recorded(self) -> Mapping[str, Any]:
        apart = {"attention": "heads"} if self._network.dtype == torch.bfloat16 else {}
        kept = any(isinstance(weight, Quantised) for weight in self._network.parameters())
        return {"layout": "packed"} | apart | ({"weights": "quantised"} if kept else {})


_lock = threading.Lock()
_laid_out: weakref.WeakSet[Any] = weakref.WeakSet()


def lay_out(network: Any, release: Release, apart: HeadsApart | None = None) -> None:
    """Have a network's weights lie as the kernels want them, once: from then on its layers are called, and their
    weights looked at by nobody."""
    with _lock:
        if network in _laid_out:
            return
        heads = (apart or HeadsApart()) if network.dtype == torch.bfloat16 else None
        for module in network.modules():
            if heads is not None and attends_to_itself(module):
                scale(module.to_q, (module.to_q.out_features // module.heads) ** -0.5, release)
                module.apart = heads
            pack(module, release)
            shorten(module)
        _laid_out.add(network)


def pack(layer: Module, release: Release) -> None:
    """Have a linear map or a plain convolution hold its weights laid out for the kernels; quantised ones stay as they
    are, and are laid out when they are used."""
    reordered = torch.ops.mkldnn._reorder_linear_weight
    if type(layer) in _KEPT and isinstance(layer.weight, Quantised):
        layer.__class__ = _KEPT[type(layer)]
    elif type(layer) is Linear:
        layer.__class__ = PackedLinear
        _keep(layer, reordered(layer.weight.detach()), release)
    elif type(layer) is Conv2d and layer.groups == 1 and layer.padding_mode == "zeros":
        weight = layer.weight.detach()
        if layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.padding == (0, 0):
            layer.__class__ = PackedPoint
            _keep(layer, reordered(weight.flatten(1)), release)
        else:
            rows, height, width = _USUAL
            usual = [rows, layer.in_channels, height, width]
            layer.__class__ = PackedConvolution
            _keep(layer, torch.ops.mkldnn._reorder_convolution_weight(weight, *_placing(layer), usual), release)


def scale(layer: Linear, gain: float, release: Release) -> None:
    """Have a linear map answer `gain` times as much, which is rounded but once: what scaled weights lose to rounding is
    kept as weights of its own. Of quantised ones the answer is multiplied."""
    if isinstance(layer.weight, Quantised):
        layer.__class__ = KeptScaledLinear
        vars(layer).update(gain=gain)
        return
    wide = layer.weight.detach().float() * gain
    scaled = wide.to(layer.weight.dtype)
    rest = (wide - scaled.float()).to(scaled.dtype)
    layer.__class__ = ScaledLinear
    kept = torch.ops.mkldnn._reorder_linear_weight(rest) if rest.any() else None
    vars(layer).update(gain=gain, rest=kept)
    _keep(layer, torch.ops.mkldnn._reorder_linear_weight(scaled), release)


def _keep(layer: Linear | Conv2d, packed: Tensor, release: Release) -> None:
    """Have a layer hold its `packed` weights alone; of its `weight` stay shape and dtype, which adapters ask for."""
    if layer.weight.untyped_storage().nbytes() > layer.weight.nbytes:  # its file's, which is mapped
        release(layer.weight.data_ptr(), layer.weight.nbytes)
    # Not numbers: who took them for the weights would see it.
    hollow = torch.full((), float("nan"), dtype=layer.weight.dtype).expand(layer.weight.shape)
    layer.weight, layer.packed = Parameter(hollow, requires_grad=False), packed


class PackedLinear(Linear):
    """(…, in) to (…, out)."""

    packed: Tensor

    def forward(self, value: Tensor, beside: Tensor | None = None) -> Tensor:
        """With `beside`, of the answer's shape, added to it before it is rounded."""
        return _linear(value, self.packed, self.bias, beside)


class ScaledLinear(Linear):
    """Without a bias, and times `gain`: what adapters add must be, too."""

    packed: Tensor
    gain: float
    rest: Tensor | None

    def forward(self, value: Tensor) -> Tensor:
        return _linear(value, self.packed, None, None if self.rest is None else _linear(value, self.rest, None, None))


class PackedPoint(Conv2d):
    """A convolution of one pixel by one: a linear map of channels."""

    packed: Tensor

    def forward(self, value: Tensor, beside: Tensor | None = None) -> Tensor:
        last = None if beside is None else _channels_last(beside)
        return _linear(_channels_last(value), self.packed, self.bias, last).permute(0, 3, 1, 2)


class PackedConvolution(Conv2d):
    """Any other, of channels that come last."""

    packed: Tensor

    def forward(self, value: Tensor, beside: Tensor | None = None) -> Tensor:
        made: Tensor
        convolve = torch.ops.mkldnn._convolution_pointwise
        value, placing = _placed(self, value)
        if beside is None:
            made = convolve(value, self.packed, self.bias, *placing, "none", [], "")
        else:
            made = convolve.binary(value, beside, self.packed, self.bias, *placing, "add", 1.0, None, [], None)
        return made


class KeptLinear(Linear):
    """Of weights that are quantised: (…, in) to (…, out)."""

    def forward(self, value: Tensor, beside: Tensor | None = None) -> Tensor:
        """With `beside`, of the answer's shape, added to it."""
        made = super().forward(value)
        return made if beside is None else made.add_(beside)


class KeptConvolution(Conv2d):
    """Of weights that are quantised."""

    def forward(self, value: Tensor, beside: Tensor | None = None) -> Tensor:
        made = super().forward(value)
        return made if beside is None else made.add_(beside)


class KeptScaledLinear(Linear):
    """Of weights that are quantised, without a bias, and times `gain`: what adapters add must be, too."""

    gain: float

    def forward(self, value: Tensor) -> Tensor:
        return functional.linear(value, self.weight).mul_(self.gain)


_KEPT: Mapping[type[Module], type[Linear | Conv2d]] = {Linear: KeptLinear, Conv2d: KeptConvolution}


def unbiased(layer: Linear | Conv2d, value: Tensor) -> Tensor:
    """What a layer, packed or not, answers but for its bias. No hook hears of it."""
    if isinstance(layer, PackedLinear):
        return _linear(value, layer.packed, None, None)
    if isinstance(layer, ScaledLinear):
        return layer.forward(value) / layer.gain
    if isinstance(layer, PackedPoint):
        return _linear(_channels_last(value), layer.packed, None, None).permute(0, 3, 1, 2)
    if isinstance(layer, PackedConvolution):
        convolve = torch.ops.mkldnn._convolution_pointwise
        value, placing = _placed(layer, value)
        made: Tensor = convolve(value, layer.packed, None, *placing, "none", [], "")
        return made
    if isinstance(layer, Linear):
        return functional.linear(value, layer.weight)
    return layer._conv_forward(value, layer.weight, None)


def unpacked(layer: Linear | Conv2d) -> Tensor:
    """A layer's weights, as they were before they were laid out."""
    weight: Tensor = layer.weight
    if isinstance(weight, Quantised):
        return weight.dequantised()
    if isinstance(layer, PackedLinear | PackedPoint | PackedConvolution):
        return layer.packed.to_dense().reshape(weight.shape)
    if isinstance(layer, ScaledLinear):
        wide = layer.packed.to_dense().float()
        if layer.rest is not None:
            wide += layer.rest.to_dense().float()
        return (wide / layer.gain).to(weight.dtype)
    return weight


def _placing(layer: Conv2d) -> tuple[Any, ...]:
    return layer.padding, layer.stride, layer.dilation, layer.groups


def _placed(layer: Conv2d, value: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
    """What a layer convolves now, its channels last, and where."""
    inner, padding = surrounded(layer, value)
    if inner is not value:
        inner = inner.contiguous(memory_format=torch.channels_last)
    return inner, (padding, *_placing(layer)[1:])


def _linear(value: Tensor, packed: Tensor, bias: Tensor | None, beside: Tensor | None) -> Tensor:
    made: Tensor
    if beside is None:
        made = torch.ops.mkldnn._linear_pointwise(value, packed, bias, "none", [], "")
    else:
        made = torch.ops.mkldnn._linear_pointwise.binary(value, beside, packed, bias, "add")
    return made


def _channels_last(value: Tensor) -> Tensor:
    return value.permute(0, 2, 3, 1).contiguous()
