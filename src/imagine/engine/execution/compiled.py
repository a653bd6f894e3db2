"""A forward that torch's inductor compiled, with the channels last: asked for, never chosen by itself.

Code is made for each shape when it first comes, which takes a minute; from then on its bits are its own, and recipes
say so. It knows nothing that goes beside: torch compiles the network without its hooks, and would leave them out
without a word.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...messages import message
from ...words.errors import Unsupported
from .company import accompanied_by
from .execution import Call, Inputs, call_unet

FIELD = "compile"
_COMPILERS = ("g++", "clang++")


def check_compiles(device: torch.device) -> None:
    """Raises Unsupported, naming what is missing, where models can't be compiled for the device."""
    if getattr(sys, "frozen", False):
        raise Unsupported(message("compile.binary", FIELD))
    if device.type not in ("cpu", "cuda"):
        raise Unsupported(message("compile.device", FIELD, device=device.type))
    if not any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name):
        raise Unsupported(message("compile.compiler", FIELD))
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise Unsupported(message("compile.triton", FIELD))


class Compiled:
    """An `Execution` of a network that was asked to be compiled."""

    def __init__(self, network: Any, call: Call = call_unet) -> None:
        self._network, self._call = network.to(memory_format=torch.channels_last), call
        self._compiled: Any = torch.compile(network, dynamic=False)

    def run(self, inputs: Inputs) -> Tensor:
        if field := accompanied_by(self._network):
            raise Unsupported(message("compile.adapters", field))
        if inputs.latents.dim() == 4:
            inputs = inputs._replace(latents=inputs.latents.contiguous(memory_format=torch.channels_last))
        try:
            answer = self._call(self._compiled, inputs)
        except Exception as error:
            if not _is_of_compiler(error):
                raise
            why = str(error).strip().partition("\n")[0][:200]
            raise Unsupported(message("compile.failed", FIELD, why=why)) from error
        return answer.contiguous()

    def recorded(self) -> Mapping[str, Any]:
        return {"compiled": "inductor", "layout": "channels_last"}

    def drop(self) -> None:
        """Its code reads the network's tensors wherever they lie."""


def _is_of_compiler(error: Exception) -> bool:
    """By module, so that nothing of it has to be imported to be looked for."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))
