"""Attention in bfloat16 on a CPU: torch's own and a head a thread, of the shapes that SD1's and SDXL's U-Nets have.

python -m bench.attention [--rounds 3]

Prints what both take, idle and beside a busy process, and the error of each by itself against float64, for logits whose
standard deviation is 2. Of a whole layer, with what stands beside it, `tests/engine/execution/test_attention.py` tells.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from bench.arms import interleaved, ratio, show
from bench.neighbour import neighbour
from imagine.engine.device.allocator import keep_freed_memory
from imagine.engine.execution.attention import HeadsApart

SHAPES = (
    (4096, 8, 40), (2304, 8, 80), (1024, 8, 80), (1024, 20, 64), (4096, 10, 64),
)  # fmt: skip
"""(tokens, heads, width): SD1 at 512² and 768², SDXL at 1024². Of two rows each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    keep_freed_memory(torch.get_num_threads())
    apart = HeadsApart()
    for beside in (False, True):
        with neighbour(beside), torch.inference_mode():
            for shape in SHAPES:
                given = drawn(*shape)
                arms = {"torch": partial(plain, *given), "heads": partial(apart.attend, *given)}
                seconds = interleaved(arms, rounds)
                chosen = "heads" if apart.is_worth(given[0]) else "torch"
                state = "busy" if beside else "idle"
                print(f"{state}: {shape}: {ratio(seconds, 'heads', 'torch'):.2f} ×; is run as {chosen}")
                show(seconds, 1000, "ms")
                if not beside:
                    wide = plain(*(each[:1].double() for each in given))
                    print({name: f"{error(arm()[:1], wide):.2e}" for name, arm in arms.items()})


def drawn(tokens: int, heads: int, width: int) -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, tokens, heads, width)
    return tuple(each.bfloat16() for each in (query * width**-0.5, key * 2, value))


def plain(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    made = scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), scale=1)
    return made.transpose(1, 2)


def error(made: Tensor, truth: Tensor) -> float:
    return float((made.double() - truth).norm() / truth.norm())


if __name__ == "__main__":
    main()
