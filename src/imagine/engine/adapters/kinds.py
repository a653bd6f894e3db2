"""The kinds of what an adapter's file has of a layer: a file each, and its line in this table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Conv2d, GroupNorm, LayerNorm, Linear, Module, RMSNorm

from . import decomposed
from .adapter import SidePath
from .decomposed import Decomposed
from .difference import FullDifference, NormDifference, NormReplacement
from .fused import FusedRows
from .hadamard import Hadamard
from .kronecker import Kronecker
from .layer import Parts
from .low_rank import LowRank
from .rotated import Rotated
from .scaled import Scaled

Maker = Callable[[Any, Parts, float | None], SidePath]
"""Of the layer, what the file has of it, and its alpha. Raises Misfit."""


class Kind(NamedTuple):
    """What is made of some parts of a layer."""

    make: Maker
    layers: tuple[type[Module], ...]
    """Beside which it can be."""
    signs: frozenset[str]
    """One of these, and it is of the kind."""
    others: frozenset[str] = frozenset()
    """What else of a layer's it takes."""
    changes: bool = False
    """It is a `Change`, and so can be decomposed."""


_AFFINE = (Linear, Conv2d)
_HALVES = [f"{which}_{half}" for which in ("w1", "w2") for half in "ab"]

KINDS = (
    Kind(LowRank, _AFFINE, frozenset({"down", "up"}), frozenset({"mid", "up_bias"}), changes=True),
    Kind(
        Hadamard, _AFFINE, frozenset(f"hada_{one}" for one in _HALVES), frozenset({"hada_t1", "hada_t2"}), changes=True
    ),
    Kind(
        Kronecker, _AFFINE, frozenset(f"lokr_{one}" for one in ("w1", "w2", *_HALVES)),
        frozenset({"lokr_t1", "lokr_t2"}), changes=True,
    ),
    Kind(FullDifference, _AFFINE, frozenset({"diff", "diff_b"})),
    Kind(NormDifference, (LayerNorm, GroupNorm), frozenset({"diff", "diff_b", "w_norm", "b_norm"})),
    Kind(NormReplacement, (RMSNorm,), frozenset({"scale", "weight"})),
    Kind(Scaled, _AFFINE, frozenset({"on_input", "ia3_l"}), frozenset({"weight"})),
    Kind(Rotated, _AFFINE, frozenset({"oft_blocks", "oft_diag"}), frozenset({"rescale"})),
)  # fmt: skip


class Sum:
    """A `SidePath` of several, where a file has a layer's weights by one kind and its bias by another."""

    def __init__(self, paths: Sequence[SidePath]) -> None:
        self._paths = paths

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        return reduce(torch.add, [path(inputs, weight) for path in self._paths])


def kinds_of(layer: Module, parts: Collection[str]) -> list[Kind]:
    """The kinds that a file's parts of a layer are of; none where some of them are of no kind that such layers have."""
    kinds = [kind for kind in KINDS if isinstance(layer, kind.layers) and not kind.signs.isdisjoint(parts)]
    known = {part for kind in kinds for part in kind.signs | kind.others}
    known |= decomposed.PARTS if kinds and kinds[0].changes else set()
    return kinds if known.issuperset(parts) else []


def side_path(
    kinds: Sequence[Kind], layer: Module, parts: Parts, alpha: float | None, rows: FusedRows | None = None
) -> SidePath:
    """What a file's `parts` of a layer, of these kinds, do beside it. The layer may be some `rows` of a larger one's,
    to which `parts` are cut where they can be. Raises Misfit."""
    made: list[Any] = [
        Kronecker(layer, parts, alpha, rows)  # type: ignore[arg-type]
        if kind.make is Kronecker
        else kind.make(layer, parts, alpha)
        for kind in kinds
    ]
    if not decomposed.PARTS.isdisjoint(parts):
        made[0] = Decomposed(layer, made[0], parts)  # type: ignore[arg-type]
    path: SidePath = made[0] if len(made) == 1 else Sum(made)
    return path
