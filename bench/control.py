"""What a step with a ControlNet takes, against both forwards by themselves; and what a T2I-Adapter and a second add.

python -m bench.control --model FILE [--side 512] [--rounds 3] [--only idle] [--full-prec]

The ControlNet is of the model's own shape, of random weights, opened from a file of half precision as a user's would
be. Prints what each arm takes, the ratio of a step to the sum of both forwards, and what is in memory.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.models.modeling_utils import no_init_weights
from safetensors.torch import save_file

from bench.arms import interleaved, ratio, show
from bench.forwards import accompanied, arguments, execution_of, inputs, network_of, states
from imagine.engine.control.control_network import ControlNetwork, SeenMap
from imagine.engine.control.controls import ControlSum, LaidControl
from imagine.engine.execution.execution import Execution, Home
from imagine.engine.loading.control_file import ControlFile
from imagine.engine.parts.slices import whole
from imagine.words.model import Component


def main() -> None:
    wanted = arguments(__doc__).parse_args()
    unet = network_of(wanted)
    execution = execution_of(unet)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        execution.run(inputs(unet, 2, 8))  # lays it out
        file = ControlFile(written(unet, Path(folder)), "edges")
        network = whole(file.bind(unet, Home(unet.device, unet.dtype)))
        network.residuals(inputs(unet, 2, 8), network.hint(SeenMap(torch.zeros(1, 3, 64, 64)), ""), 1.0, True)
        print(f"the ControlNet counts {file.nbytes / 2**20:.0f} MiB")
        for state in states(wanted):
            measure(wanted, unet, execution, network, state)


def written(unet: Any, folder: Path) -> Component:
    """A ControlNet of the U-Net's shape, in a file of half precision."""
    names = ("block_out_channels", "down_block_types", "cross_attention_dim", "attention_head_dim", "layers_per_block")
    with no_init_weights():
        network = ControlNetModel(**{name: unet.config[name] for name in names}).half()
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for name, each in network.state_dict().items():
        tensors[name] = torch.randn(each.shape, generator=generator).mul_(0.02).half()
    path = folder / "edges.safetensors"
    save_file(tensors, path)
    return Component(role="adapter", path=str(path), digest="0")


def measure(wanted: argparse.Namespace, unet: Any, execution: Execution, network: ControlNetwork, state: str) -> None:
    asked = inputs(unet, 2, wanted.side // 8)
    hint = network.hint(SeenMap(torch.zeros(1, 3, wanted.side, wanted.side)), "canny")
    arms: dict[str, Callable[[], object]] = {
        "the denoiser alone": lambda: execution.run(asked),
        "the ControlNet alone": lambda: network.residuals(asked, hint, 1.0, True),
        "a step with it": accompanied(
            unet, execution, asked, [ControlSum([LaidControl(network, hint, 0.8, 0.0, 1.0)], sided=True)]
        ),
    }
    seconds = interleaved(arms, wanted.rounds, wanted.warm)
    pairs = zip(seconds["the denoiser alone"], seconds["the ControlNet alone"], strict=True)
    both = {"both": [one + other for one, other in pairs]}
    print(
        f"{state}: a step with one is {ratio(seconds | both, 'a step with it', 'both'):.3f} × the sum of both forwards"
    )
    show(seconds)


if __name__ == "__main__":
    main()
