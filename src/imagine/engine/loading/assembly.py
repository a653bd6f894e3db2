"""A network from its settings and its tensors: built without memory, then given the tensors themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from ...messages import Value, message
from ...words.errors import UnusableModel
from ..device.errors import is_of_device
from ..libraries.light import no_init_weights
from ..parts.slices import Slices, whole
from .maps import chroma, pixart
from .placing import place_all

Placed = Callable[[int], None]

_MADE: Mapping[str, Callable[[Tensor, torch.device], Tensor]] = {
    "position_ids": lambda buffer, device: torch.arange(buffer.shape[-1], device=device)[None],
    "mod_proj": chroma.places,
    "pos_embed": pixart.places,
}
"""Buffers that lie in no file, and what they hold: of the one that the module has, empty, and where it is to be."""


def build(what: str, constructor: Callable[[], Any], tensors: dict[str, Tensor]) -> Any:
    """The module that `constructor` makes, on `meta`, after checking that `tensors` are all of its own and fit.

    Raises UnusableModel, naming `what`, for settings that the module refuses and for tensors that don't fit.
    """
    module = empty(what, constructor)
    expected = {**dict(module.named_parameters()), **_stored_buffers(module)}
    missing, unexpected = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing:
        raise UnusableModel(message("weights.missing", part=what, names=_listed(missing)))
    if unexpected:
        raise UnusableModel(message("weights.unexpected", part=what, names=_listed(unexpected)))
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            shapes = {"shape": str(list(tensor.shape)), "expected": str(list(expected[name].shape))}
            raise UnusableModel(message("weights.shape", part=what, name=name, **shapes))
    return module


def empty(what: str, constructor: Callable[[], Any]) -> Any:
    """The module that `constructor` makes, on `meta`. Raises UnusableModel for settings that it refuses."""
    try:
        # Numbers drawn for weights that lie nowhere would take eight times as long as the modules themselves.
        with torch.device("meta"), no_init_weights():
            return constructor()
    except (ValueError, TypeError, RuntimeError, ArithmeticError, AssertionError) as error:
        if is_of_device(error):
            raise
        raise UnusableModel(message("weights.shapes", part=what, why=str(error))) from error


def fill(
    module: Any, tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype, placed: Placed | None = None
) -> Any:
    """`filling`, at once."""
    return whole(filling(module, tensors, device, dtype, placed))


def filling(
    module: Any, tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype, placed: Placed | None = None
) -> Slices[Any]:
    """`module` with `tensors` for parameters and for those buffers that lie in files, on `device` in `dtype`, ready to
    infer. `placed` hears of the bytes.

    A slice is a tensor, or as many as go to a device at once. They are placed as they lie in the file, which may be on
    its way into memory. `tensors` is emptied on the way, so that what was cast is let go at once.
    """
    ready: dict[str, Tensor] = {}
    paths = sorted(tensors, key=lambda path: tensors[path].data_ptr())
    for path, tensor, nbytes in place_all(((path, tensors.pop(path)) for path in paths), device, dtype):
        ready[path] = tensor
        if placed is not None:
            placed(nbytes)
        yield
    stored = _stored_buffers(module).keys()
    for path, owner in module.named_modules():
        for name in [name for name, _ in owner.named_parameters(recurse=False)]:
            setattr(owner, name, Parameter(ready.pop(_within(path, name)), requires_grad=False))
        for name, buffer in list(owner.named_buffers(recurse=False)):
            if _within(path, name) in stored:
                owner.register_buffer(name, ready.pop(_within(path, name)))
            else:
                owner.register_buffer(name, _MADE[name](buffer, device), persistent=False)
        owner.training = False
    return module


def _stored_buffers(module: Any) -> dict[str, Tensor]:
    """The buffers that lie in files with its parameters; of the others, `_MADE` says what they hold."""
    stored = module.state_dict(keep_vars=True).keys()
    return {path: buffer for path, buffer in module.named_buffers() if path in stored}


def _within(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _listed(names: set[str]) -> Value:
    shown = ", ".join(sorted(names)[:3])
    return shown if len(names) <= 3 else message("names.more", names=shown, more=len(names) - 3)
