"""What LoRAs cost a forward of a U-Net: none, one and three beside each picture, and eight pictures with eight.

    python -m bench.lora --model FILE [--side 512] [--batches 1 4] [--crowd] [--rank 16] [--rounds 2] [--only idle]
    python -m bench.lora --sdxl --side 512 …                       (random weights in memory, 5 GB)

LoRAs of random numbers, of a rank, beside all attention, as files of fp16 that are read as any are. Arms go in turn in
one process. Prints seconds, ratios, what the files take on disk and in memory, and how much of the network was copied.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import Module

from bench.arms import interleaved, ratio, show
from bench.forwards import arguments, execution_of, inputs, network_of, states
from imagine.engine.adapters.adapter import Networks
from imagine.engine.adapters.kept import Kept
from imagine.engine.adapters.mix import Mix, MixRows
from imagine.engine.adapters.opened import Opened
from imagine.engine.execution.execution import Execution
from imagine.engine.loading.adapter_readers import ADAPTER_READERS
from imagine.engine.parts.slices import whole
from imagine.words.model import AdapterUse, Component

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


class Network:
    """A model of nothing but a U-Net."""

    def __init__(self, module: Module) -> None:
        self.networks: Networks = {"denoiser": module}


def main() -> None:
    parser = arguments(__doc__, rounds=2, sdxl=True)
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--counts", type=int, nargs="*", default=[1, 3], help="LoRAs of each picture")
    parser.add_argument("--crowd", action="store_true", help="eight pictures with eight LoRAs too")
    parser.add_argument("--rank", type=int, default=16)
    wanted = parser.parse_args()
    network = network_of(wanted)
    execution = execution_of(network)
    forward(network, execution, 64, 1, [Mix()])()  # lays it out
    with tempfile.TemporaryDirectory() as folder:
        mixes = opened_mixes(Path(folder), network, wanted.rank, 8 if wanted.crowd else 3)
    for state in states(wanted):
        measure(wanted, network, execution, mixes, state)


def measure(
    wanted: argparse.Namespace, network: Module, execution: Execution, mixes: Sequence[Mix], state: str
) -> None:
    for batch in wanted.batches:
        arms = {
            f"{batch} × {count} LoRAs": forward(
                network,
                execution,
                wanted.side,
                batch,
                [Mix(tuple(m for mix in mixes[:count] for m in mix.members))] * batch,
            )
            for count in (0, *wanted.counts)
        }
        seconds = interleaved(arms, wanted.rounds, wanted.warm)
        ratios = {count: ratio(seconds, f"{batch} × {count} LoRAs", f"{batch} × 0 LoRAs") for count in wanted.counts}
        print(f"{state}, {batch} at once: {', '.join(f'{n} LoRAs {each:.3f} ×' for n, each in ratios.items())}")
        show(seconds)
    if wanted.crowd:
        arms = {
            "8 without": forward(network, execution, wanted.side, 8, [Mix()] * 8),
            "8 with 8": forward(network, execution, wanted.side, 8, mixes),
        }
        seconds = interleaved(arms, wanted.rounds, warm=0)
        print(f"{state}, 8 pictures: {ratio(seconds, '8 without', '8 with 8'):.3f} × as many a second with 8 LoRAs")
        show(seconds)


def forward(network: Module, execution: Execution, side: int, batch: int, mixes: Sequence[Mix]) -> Callable[[], object]:
    asked = inputs(network, 2 * batch, side // 8)
    rows = MixRows(batch, {slot: mix for slot, mix in enumerate(mixes) if mix})

    @torch.inference_mode()
    def run() -> Tensor:
        with rows.beside(network):
            return execution.run(asked)

    return run


def opened_mixes(folder: Path, network: Module, rank: int, count: int) -> list[Mix]:
    """So many LoRAs, each a mix of its own."""
    kept, model, before = Kept(), Network(network), storages(network)
    shelf = Opened(ADAPTER_READERS, kept)
    made = []
    for number in range(count):
        path = folder / f"{number}.safetensors"
        write(path, network, rank, number)
        component = Component(role="adapter", path=str(path), digest=f"{number:08x}")
        use = AdapterUse(name=path.stem, kind="lora", component=component, weight=0.7)
        made.append(whole(shelf.mix([use], model)))
    size = sum((folder / f"{number}.safetensors").stat().st_size for number in range(count))
    print(f"{count} LoRAs of rank {rank}: {size / 1e6:.1f} MB on disk, {kept.nbytes / 1e6:.1f} MB in memory")
    print(f"tensors of the network that are others than before: {len(storages(network) ^ before)}")
    return made


def storages(network: Module) -> set[int]:
    return {parameter.data_ptr() for parameter in network.parameters()}


def write(path: Path, network: Module, rank: int, seed: int) -> None:
    generator, tensors = torch.Generator().manual_seed(seed), dict[str, torch.Tensor]()
    for name, layer in network.named_modules():
        if name.endswith(ATTENTION) and isinstance(layer, torch.nn.Linear):
            spelled = "lora_unet_" + name.replace(".", "_")
            down = torch.randn(rank, layer.in_features, generator=generator) / rank
            up = torch.randn(layer.out_features, rank, generator=generator) * 0.01
            tensors |= {f"{spelled}.lora_down.weight": down.half(), f"{spelled}.lora_up.weight": up.half()}
            tensors[f"{spelled}.alpha"] = torch.tensor(float(rank)).half()
    save_file(tensors, path)


if __name__ == "__main__":
    main()
