"""Making numbers of weights of few bits: ours, diffusers' and the `gguf` package's readers, in turn and in one process.

python -m bench.widening [--kinds q8_0,q4_k] [--rounds 5] [--only idle]

Nanoseconds a number, to bfloat16, of a layer of 3072 × 3072, the least of the rounds; and whether the others make the
same numbers. Stored are random blocks whose scales are small numbers. The `gguf` package's is numpy's, on one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import gguf
import numpy as np
import torch
from diffusers.quantizers.gguf.utils import GGUFParameter, dequantize_gguf_tensor
from torch import Tensor

from bench.arms import interleaved
from bench.forwards import states
from imagine.engine.device.device import Device
from imagine.engine.quantised.blocks import BLOCKS
from imagine.engine.quantised.fours import FOURS
from imagine.engine.quantised.tensor import Quantised
from imagine.formats.gguf import KINDS
from imagine.words.frames import WorkerSettings

_SIDE = 3072
_KINDS = {kind.name: (number, kind) for number, kind in KINDS.items()}
_EIGHTS = ("float8_e4m3fn", "float8_e5m2", "int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join((*_EIGHTS, *FOURS, *BLOCKS)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm", type=int, default=1)
    parser.add_argument("--only", choices=("idle", "busy"))
    wanted = parser.parse_args()
    Device(WorkerSettings(device="cpu"))  # which has freed memory kept, as a worker does
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; ns a number")
    for state in states(wanted):
        print(f"{state:<16}{'ours':>10}{'diffusers':>12}{'gguf':>10}")
        for kind in wanted.kinds.split(","):
            seconds = interleaved(readers(kind), wanted.rounds, wanted.warm)
            each = {name: f"{min(took) / _SIDE**2 * 1e9:.2f}" for name, took in seconds.items()}
            print(f"{kind:<16}{each['ours']:>10}{each.get('diffusers', ''):>12}{each.get('gguf', ''):>10}")


def readers(kind: str) -> dict[str, Callable[[], Any]]:
    """What makes numbers of a layer of that kind."""
    if kind in BLOCKS:
        return _of_blocks(kind)
    if kind in FOURS:
        stored, scale = torch.randint(0, 256, (_SIDE**2 // 64, 32), dtype=torch.uint8), torch.rand(_SIDE**2 // 64)
    else:
        stored, scale = torch.randint(0, 120, (_SIDE, _SIDE), dtype=torch.uint8), torch.tensor(0.5)
    return {"ours": Quantised(stored, kind, (_SIDE, _SIDE), torch.bfloat16, scale).dequantised}


def _of_blocks(kind: str) -> dict[str, Callable[[], Any]]:
    number, (_, elements, nbytes) = _KINDS[kind]
    stored = torch.randint(0, 60, (_SIDE**2 // elements, nbytes), dtype=torch.uint8)
    rows = stored.view(_SIDE, -1)
    theirs = GGUFParameter(rows, quant_type=gguf.GGMLQuantizationType(number))
    arms: dict[str, Callable[[], Any]] = {
        "ours": Quantised(stored, kind, (_SIDE, _SIDE), torch.bfloat16).dequantised,
        "diffusers": lambda: dequantize_gguf_tensor(theirs).to(torch.bfloat16),
        "gguf": lambda: _by_gguf(rows, number).bfloat16(),
    }
    exact, made = _by_gguf(rows, number), {name: arm() for name, arm in arms.items()}
    for name in ("ours", "diffusers"):
        if not torch.equal(made[name].view(_SIDE, _SIDE), exact.bfloat16()):
            off = (made[name].float().view(_SIDE, _SIDE) - exact).abs().max() / exact.abs().max()
            print(f"  {kind}: {name} makes other numbers: up to {off:.1e} of the greatest")
    return arms


def _by_gguf(rows: Tensor, number: int) -> Tensor:
    made: np.ndarray[Any, Any] = gguf.dequantize(rows.numpy(), gguf.GGMLQuantizationType(number))
    return torch.from_numpy(made)


if __name__ == "__main__":
    main()
