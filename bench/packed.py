"""A U-Net's forward as torch runs it and with its weights laid out once, in one process, idle and beside a busy one.

python -m bench.packed --model FILE [--side 512] [--rows 2] [--full-prec] [--rounds 3] [--only idle]
python -m bench.packed --sdxl --side 1024 --rounds 1 --warm 0 --only idle      (random weights in memory, 10 GB)

Prints the machine's matrix peak before and after, what each arm takes, and the ratio. "stock" is float32 as torch
multiplies by itself, which plain diffusers has; it is an arm with --full-prec.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch

from bench.arms import interleaved, ratio, show
from bench.forwards import arguments, inputs, network_of, states
from imagine.engine.execution.execution import Eager, Inputs
from imagine.engine.execution.packed import Packed
from imagine.files.mapped import release


def main() -> None:
    parser = arguments(__doc__, sdxl=True)
    parser.add_argument("--rows", type=int, default=2)
    wanted = parser.parse_args()
    network = network_of(wanted)
    asked = inputs(network, wanted.rows, wanted.side // 8)
    plain, packed = Eager(network), Packed(copy.deepcopy(network), release)
    arms: dict[str, Callable[[], object]] = {
        "as torch runs it": forward(plain, asked),
        "packed": forward(packed, asked),
    }
    if wanted.full_prec:
        arms["stock"] = lambda: stock(plain, asked)
    print(f"{wanted.side}², {wanted.rows} rows, {network.dtype}; peak {peak(network.dtype):.0f} GFLOP/s")
    for state in states(wanted):
        seconds = interleaved(arms, wanted.rounds, wanted.warm)
        print(f"{state}: {ratio(seconds, 'packed', 'as torch runs it'):.3f} ×")
        show(seconds, 1000, "ms")
    print(f"peak {peak(network.dtype):.0f} GFLOP/s")


def forward(execution: Eager, asked: Inputs) -> Callable[[], object]:
    return lambda: torch.inference_mode()(execution.run)(asked)


def stock(plain: Eager, asked: Inputs) -> None:
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        forward(plain, asked)()
    finally:
        torch.set_float32_matmul_precision(chosen)


def peak(dtype: torch.dtype, side: int = 2048) -> float:
    """GFLOP/s of a matrix product, the best of some."""
    a, best = torch.randn(side, side).to(dtype), float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - begun)
    return 2 * side**3 / best / 1e9


if __name__ == "__main__":
    main()
