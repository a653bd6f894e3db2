"""A tensor that is kept as its file has it, and is numbers when it is used: to everybody else a tensor like any other.

Layers needn't know: products, convolutions and look-ups with such weights widen them, in pieces, for as long as they
last. What is cut out of it along its first side stays as it is stored, and so does what goes to another device or is
to be computed with in another dtype. Any other operation gets plain numbers: that costs memory, and is never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, Parameter, functional
from torch.utils import _pytree as pytree

from .blocks import BLOCKS, Scales
from .eights import EIGHTS, rotated_back
from .fours import FOURS

_PIECE = {"cpu": 2**20}
"""Numbers that are widened at a time: what comes between stays in the cores' caches. By torch's threads: dealt out
among threads that work alone, pieces wait for Python's lock (up to twice as long, measured on two cores)."""
_PIECE_ELSEWHERE = 2**26
_ROWS = EIGHTS | FOURS
_aten: Any = torch.ops.aten


class Quantised(Tensor):
    """`shape` of what `stored` holds, (units, bytes) of uint8: each unit is a block of a GGUF file, or all of what one
    place along the first side has.

    As numbers it is in its `dtype`, a float: (what its `kind` makes of the stored bytes) × `scale`, rotated back in
    groups of `group` inputs. A scale is float32: of all, (), or of every unit, (units,).
    """

    stored: Tensor
    kind: str
    scale: Tensor | None
    group: int

    @staticmethod
    def __new__(
        cls: type[Quantised], stored: Tensor, kind: str, shape: Sequence[int], dtype: torch.dtype,
        scale: Tensor | None = None, group: int = 0,
    ) -> Quantised:  # fmt: skip
        made = Tensor._make_wrapper_subclass(cls, tuple(shape), dtype=dtype, device=stored.device)
        made.stored, made.kind, made.scale, made.group = stored, kind, scale, group
        return made

    @property
    def nbytes(self) -> int:  # type: ignore[override]
        """Bytes that it takes."""
        return self.stored.nbytes + (0 if self.scale is None else self.scale.nbytes)

    def data_ptr(self) -> int:
        return self.stored.data_ptr()

    def dequantised(self) -> Tensor:
        """Plain numbers, in its dtype."""
        units = len(self.stored)
        with _plainly():
            made = self.stored.new_empty(self.shape, dtype=self.dtype)
            rows = made.view(units, self.numel() // max(1, units))
            scales = self._scales(self.stored, self.scale)
            at_once = max(1, _PIECE.get(self.device.type, _PIECE_ELSEWHERE) * units // max(1, self.numel()))
            for start in range(0, units, at_once):
                count = min(at_once, units - start)
                widened = self._widened(self.stored.narrow(0, start, count), scales.part(start, count))
                _aten.copy_.default(rows.narrow(0, start, count), widened)
        return made

    def rows(self, places: Tensor) -> Tensor:
        """Those of its first side that stand at `places`, whole numbers of any shape, as plain numbers."""
        with _plainly():
            each, rest = divmod(len(self.stored), self.shape[0])
            if rest or not each:
                return self.dequantised()[places]
            units = (places.reshape(-1, 1) * each + torch.arange(each, device=self.device)).flatten()
            scale = self.scale.index_select(0, units) if self.scale is not None and self.scale.dim() else self.scale
            stored = self.stored.index_select(0, units)
            widened = self._widened(stored, self._scales(stored, scale))
            return widened.to(self.dtype).view(*places.shape, *self.shape[1:])

    def _scales(self, stored: Tensor, scale: Tensor | None) -> Scales:
        """Of these units of it."""
        blocks = BLOCKS.get(self.kind)
        return Scales(scale) if blocks is None else blocks.scales(stored)

    def _widened(self, stored: Tensor, scales: Scales) -> Tensor:
        """Units of it in float32, and times their scales."""
        if (blocks := BLOCKS.get(self.kind)) is not None:
            return blocks.widened(stored, scales)
        made, scale = _ROWS[self.kind](stored), scales.scale
        if scale is not None:
            made.mul_(scale.unsqueeze(1) if scale.dim() else scale)
        return rotated_back(made, self.group) if self.group else made

    def again(self, stored: Tensor, scale: Tensor | None, shape: Sequence[int], dtype: torch.dtype) -> Quantised:
        """The same kind of tensor, of others of these."""
        return Quantised(stored, self.kind, shape, dtype, scale, self.group)

    def cut(self, start: int, end: int) -> Tensor:
        """From one place along the first side to another: as it is stored, where units end there."""
        length, units = self.shape[0], len(self.stored)
        start, end = (max(0, min(length, at + length if at < 0 else at)) for at in (start, end))
        if start >= end or start * units % length or end * units % length:
            return self.dequantised()[start:end]
        part = slice(start * units // length, end * units // length)
        scale = self.scale if self.scale is None or not self.scale.dim() else self.scale[part]
        return self.again(self.stored[part], scale, (end - start, *self.shape[1:]), self.dtype)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Quantised({self.kind}, {list(self.shape)}, {self.dtype}, {self.device})"

    def __tensor_flatten__(self) -> tuple[list[str], Any]:
        return ["stored"] if self.scale is None else ["stored", "scale"], (self.kind, self.group, self.dtype)

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], told: Any, size: Any, _: Any) -> Quantised:
        kind, group, dtype = told
        return Quantised(inner["stored"], kind, size, dtype, inner.get("scale"), group)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Layers' own functions with plain numbers, so that they do what they do with those."""
        kwargs = kwargs or {}
        if func is functional.embedding and not kwargs.get("max_norm") and isinstance(args[1], Quantised):
            return args[1].rows(args[0])
        if func in _LAYERS:
            args, kwargs = _plain(args), _plain(kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        if func._schema.is_mutable and isinstance(args[0], Quantised):
            raise TypeError(f"{func}: quantised weights are never changed")
        # As torch takes what it made of weights from outside of inference to be.
        with torch.inference_mode(False), torch.no_grad():
            if (kept := _KEPT.get(func)) is not None:
                return kept(*args, **(kwargs or {}))
            return func(*_plain(args), **_plain(kwargs or {}))


def dequantise(module: Module) -> None:
    """Have a network hold plain numbers throughout: for who needs its weights again and again, as training does."""
    for layer in module.modules():
        parameters: dict[str, Any] = layer._parameters
        for name, parameter in parameters.items():
            if isinstance(parameter, Quantised):
                parameters[name] = Parameter(parameter.dequantised(), requires_grad=False)


@contextmanager
def _plainly() -> Iterator[None]:
    """For the length of a block, what is done with stored bytes is no part of inference: they weren't made in it."""
    with torch.inference_mode(False), torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        yield


_LAYERS = (functional.linear, functional.conv2d)


def _plain(tree: Any) -> Any:
    return pytree.tree_map_only(Quantised, Quantised.dequantised, tree)


def _same(tensor: Quantised, **_: Any) -> Tensor:
    return tensor.again(tensor.stored, tensor.scale, tensor.shape, tensor.dtype)


def _copied(tensor: Quantised, **_: Any) -> Tensor:
    scale = None if tensor.scale is None else tensor.scale.clone()
    return tensor.again(tensor.stored.clone(), scale, tensor.shape, tensor.dtype)


def _to(tensor: Quantised, *, dtype: Any = None, device: Any = None, non_blocking: bool = False, **_: Any) -> Tensor:
    """On another device, or to be numbers of another dtype."""
    dtype, device = dtype or tensor.dtype, device or tensor.device
    if not dtype.is_floating_point:
        return tensor.dequantised().to(device, dtype)
    scale = None if tensor.scale is None else tensor.scale.to(device, non_blocking=non_blocking)
    return tensor.again(tensor.stored.to(device, non_blocking=non_blocking), scale, tensor.shape, dtype)


def _slice(tensor: Quantised, side: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    if side or step != 1:
        plain: Tensor = _aten.slice.Tensor(tensor.dequantised(), side, start, end, step)
        return plain
    return tensor.cut(start or 0, tensor.shape[0] if end is None else end)


def _split(tensor: Quantised, size: int, side: int = 0) -> list[Tensor]:
    if side:
        return list(torch.split(tensor.dequantised(), size, side))
    return [tensor.cut(start, start + size) for start in range(0, tensor.shape[0], size)]


_KEPT: dict[Any, Callable[..., Any]] = {
    _aten.detach.default: _same, _aten.alias.default: _same, _aten.clone.default: _copied,
    _aten._to_copy.default: _to, _aten.slice.Tensor: _slice, _aten.split.Tensor: _split,
}  # fmt: skip
"""Operations after which it is as it was stored."""
