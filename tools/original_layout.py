"""A transformer of diffusers to the tensors of a file in its original layout: the inverse of what the loader does."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from imagine.engine.loading.maps.layout import Layout

_NORMS = re.compile(r"(?:query|key)_norm$|distilled_guidance_layer\.norms\.\d+$")
"""Layers whose weight is called a scale."""


def original_tensors(state: Mapping[str, Tensor], layout: Layout, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of diffusers' `state`, all of which the layout must know."""
    made: dict[str, Tensor] = {}
    left = set(state)
    for original, names in layout.originals([name.rpartition(".")[0] for name in state]):
        for parameter in ("weight", "bias"):
            taken = [f"{name}.{parameter}" for name in names]
            if not left.issuperset(taken):
                continue
            whole = torch.cat([state[name] for name in taken])
            if names[0] in layout.swapped:
                whole = torch.cat(list(reversed(whole.chunk(2))))
            made[f"{prefix}{original}.{'scale' if _NORMS.search(original) else parameter}"] = whole.contiguous()
            left.difference_update(taken)
    assert not left, f"the layout doesn't know {sorted(left)[:5]}"
    return made
