"""Training where memory is short: blocks keep what goes into them, and compute the rest again for the gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import Module, ModuleList
from torch.utils.checkpoint import checkpoint


def remember_less(network: Module) -> None:
    """From now on; the gradients stay the same. For a network of diffusers.

    A transformer's blocks by our own hand: diffusers' Chroma (transformer_chroma.py, 0.42) leaves the prompt's mask
    out where it computes a block again, and so learns something else.
    """
    if hasattr(network, "down_blocks"):
        network.enable_gradient_checkpointing()  # type: ignore[operator]
        return
    blocks = [block for each in network.children() if isinstance(each, ModuleList) for block in each]
    for block in blocks:
        block.forward = _computed_again(block.forward)


def _computed_again(forward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(forward)
    def computed(*inputs: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs, **named)
        return checkpoint(forward, *inputs, use_reentrant=False, **named)

    return computed
