"""A U-Net's forward with its weights as floats, and kept in fewer bits and widened as they are used, in one process.

python -m bench.quantised --model FILE [--kinds float8_e4m3fn,q8_0,q4_k] [--side 512] [--rows 2] [--only idle]

Prints what each arm takes, the ratio to the network laid out for oneDNN as it is without quantised weights, how much
memory the weights of each are, and what widening alone takes. The kept weights are random blocks of the same shapes:
how fast they are widened doesn't depend on what they are.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import Conv2d, Linear, Parameter

from bench.arms import interleaved, ratio, show
from bench.forwards import arguments, inputs, network_of, states
from bench.packed import forward
from imagine.engine.execution.packed import Packed
from imagine.engine.quantised.tensor import Quantised
from imagine.files.mapped import release
from imagine.formats.gguf import KINDS

_BLOCKS = {kind.name: kind for kind in KINDS.values()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--kinds", default="float8_e4m3fn,q8_0,q4_k")
    wanted = parser.parse_args()
    network = network_of(wanted)
    asked = inputs(network, wanted.rows, wanted.side // 8)
    networks = {kind: quantised(copy.deepcopy(network), kind) for kind in wanted.kinds.split(",")}
    arms: dict[str, Callable[[], object]] = {"floats": forward(Packed(network, release), asked)}
    for kind, each in networks.items():
        print(f"{kind}: {sum(weight.nbytes for weight in each.parameters()) / 2**20:.0f} MiB of weights; ", end="")
        print(f"widened in {1000 * widening(each):.0f} ms")
        arms[kind] = forward(Packed(each, release), asked)
    print(f"{wanted.side}², {wanted.rows} rows, {network.dtype}, {torch.get_num_threads()} threads")
    for state in states(wanted):
        seconds = interleaved(arms, wanted.rounds, wanted.warm)
        print(f"{state}: " + ", ".join(f"{kind} {ratio(seconds, kind, 'floats'):.3f} ×" for kind in networks))
        show(seconds, 1000, "ms")


def quantised(network: Any, kind: str) -> Any:
    """The network with random bytes of that kind for every matrix that has whole blocks of it."""
    block = _BLOCKS.get(kind)
    elements, size = (1, 1) if block is None else block[1:]
    for layer in network.modules():
        if isinstance(layer, Linear | Conv2d) and layer.weight.numel() % elements == 0:
            shape, units = layer.weight.shape, layer.weight.numel() // elements if block else len(layer.weight)
            each = size if block else layer.weight[0].numel()
            stored = torch.randint(0, 60, (units, each), dtype=torch.uint8)
            layer.weight = Parameter(Quantised(stored, kind, shape, layer.weight.dtype), requires_grad=False)
    return network


def widening(network: Any) -> float:
    """Seconds that making numbers of all weights takes."""
    kept = [weight for weight in network.parameters() if isinstance(weight, Quantised)]
    begun = time.perf_counter()
    for weight in kept:
        weight.dequantised()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
