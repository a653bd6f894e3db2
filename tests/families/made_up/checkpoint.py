"""The third: a tiny checkpoint, in one file, with its text encoder and its VAE in it."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from .family import PARTS


def write(path: Path) -> None:
    """The same numbers every time."""
    torch.manual_seed(0)
    made = {prefix: network() for prefix, network in PARTS.items()}
    save_file(
        {prefix + name: tensor for prefix, network in made.items() for name, tensor in network.state_dict().items()},
        path,
    )
