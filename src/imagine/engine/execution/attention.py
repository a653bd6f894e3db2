"""Attention among many tokens in bfloat16 on a CPU: a head a thread, in blocks that stay in a core's cache.

torch's own spends two thirds of its time beside its products. Here both products are oneDNN's, and the first makes the
weights before it rounds them, by the only exponential that oneDNN has behind a product: σ(x), which is eˣ to nine
digits where x is far below 0. So scores are lowered by `_FAR` more than about their query's greatest, and what comes of
the second product is divided by the sums of the weights at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import count
from math import ceil

import torch
from torch import Tensor

_BLOCK = 1024
"""Queries, and keys, at a time, at most: their weights are 2 MB. What each block of keys adds is summed in float32."""
_WORTH = 2**31
"""Multiplications of a row's queries by its keys. With fewer it takes longer than torch's own."""
_LOOKED_AT = 128
"""Keys, evenly spaced, among which a query's greatest score is looked for."""
_FAR = 20.0
_TOO_NEAR = 2.0**-13
"""What a query's weights, e⁻²⁰ each or less, don't add up to (16384 times e⁻²⁰ is 2⁻¹⁵), unless a key that wasn't
looked at has so great a score that σ is no exponential there. All keys are looked at then."""
_FAST = 48
"""Values' columns are made as fast as fewer in multiples of it. What lacks to one is spent on sums."""
_SPARE = 16
"""If it is no more than this: else sums by themselves are quicker."""


def _threads(number: int) -> Executor:
    # Alone: torch would start as many more for each.
    return ThreadPoolExecutor(number, "attention", torch.set_num_threads, (1,))


class HeadsApart:
    """A row's bits follow from its own tokens, and from no number of rows or threads."""

    def __init__(self, threads: Callable[[int], Executor] = _threads, worth: int = _WORTH) -> None:
        self._threads, self._worth = threads, worth
        self._pool: Executor | None = None
        self._number = 0

    def is_worth(self, query: Tensor) -> bool:
        """Is it quicker than torch's own for such queries, (rows, tokens, heads, width), and as many keys?"""
        _, tokens, heads, width = query.shape
        return heads * tokens**2 * width >= self._worth

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """For queries, which are scaled, keys and values, (rows, tokens, heads, width) each: the like."""
        rows, _, heads, _ = query.shape
        answer = torch.empty_like(query, memory_format=torch.contiguous_format)
        keys, values, begun = _with_shift(key), _with_sums(value), count()

        @torch.inference_mode()
        def work() -> None:
            while (place := next(begun)) < rows * heads:
                row, head = divmod(place, heads)
                _Head(keys[row, head], values[row, head]).attend(query[row, :, head], answer[row, :, head])

        if self._pool is None:
            self._number = torch.get_num_threads()
            self._pool = self._threads(self._number)
        for working in [self._pool.submit(work) for _ in range(self._number)]:
            working.result()
        return answer


def _with_shift(key: Tensor) -> Tensor:
    """(rows, heads, tokens, width + 2): what a query has behind its own columns will be subtracted from its scores.
    Two, since products in bfloat16 are made of pairs."""
    rows, tokens, heads, width = key.shape
    keys = key.new_zeros(rows, heads, tokens, width + 2)
    keys[..., :width] = key.transpose(1, 2)
    keys[..., width] = -1
    return keys


def _with_sums(value: Tensor) -> Tensor:
    """(rows, heads, tokens, width + n): each of n columns sums the weights of every n-th token, so that their roundings
    make up for one another."""
    rows, tokens, heads, width = value.shape
    spare = -width % _FAST if -width % _FAST <= _SPARE else 0
    values = value.new_empty(rows, heads, tokens, width + spare)
    values[..., :width] = value.transpose(1, 2)
    if spare:
        values[..., width:] = torch.eye(spare, dtype=value.dtype).repeat(ceil(tokens / spare), 1)[:tokens]
    return values


class _Head:
    """The keys and values of one, laid out."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        tokens, self._width = keys.shape[0], keys.shape[1] - 2
        self._size = ceil(tokens / ceil(tokens / _BLOCK))
        looked_at = keys[:: max(1, tokens // _LOOKED_AT)].clone()
        looked_at[:, self._width] = 0
        self._looked_at = self._packed(looked_at)
        split = zip(torch.split(keys, self._size), torch.split(values, self._size), strict=True)
        self._blocks = [(self._packed(key), self._packed(value.t().contiguous())) for key, value in split]

    def attend(self, query: Tensor, answer: Tensor) -> None:
        """Fill `answer`."""
        for some, place in zip(torch.split(query, self._size), torch.split(answer, self._size), strict=True):
            shifted = query.new_zeros(len(some), self._width + 2)
            shifted[:, : self._width] = some
            shifted[:, self._width] = _product(shifted, self._looked_at).amax(-1).add_(_FAR)
            summed, sums = self._summed(shifted)
            if float(sums.max()) > _TOO_NEAR:
                shifted[:, self._width] = 0
                greatest = torch.stack([_product(shifted, key).amax(-1) for key, _ in self._blocks])
                shifted[:, self._width] = greatest.amax(0).add_(_FAR)
                summed, sums = self._summed(shifted)
            place.copy_(summed.div_(sums))

    def _summed(self, shifted: Tensor) -> tuple[Tensor, Tensor]:
        """Of a block of queries: the sums of weighed values, and those of weights, in float32."""
        sums = torch.zeros(len(shifted), 1)
        made = torch.zeros(1)
        for key, value in self._blocks:
            weights = _product(shifted, key, "sigmoid")
            made = made + _product(weights, value)
            if made.shape[1] == self._width:
                sums += weights.sum(-1, True, dtype=torch.float32)
        if made.shape[1] > self._width:
            sums = made[:, self._width :].sum(-1, True)
        return made[:, : self._width], sums

    def _packed(self, weight: Tensor) -> Tensor:
        made: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, self._size)
        return made


def _product(value: Tensor, packed: Tensor, then: str = "none") -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(value, packed, None, then, [], "")
    return made
