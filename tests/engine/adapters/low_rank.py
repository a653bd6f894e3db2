"""A kind of adapter that ships with nobody: a low-rank side path beside linear maps and convolutions.

All that it takes to have a kind: `open_low_rank`, and its line in `ADAPTER_KINDS`. Its file holds, for every layer,
`ROLE:LAYER.down` and `ROLE:LAYER.up`.
"""

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from imagine.words.errors import UnusableModel
from imagine.words.model import AdapterUse, Component

KIND = "low rank"


class LowRank:
    """up · (down · x): of a convolution, the first of them is the convolution."""

    def __init__(self, layer, down, up):
        self.layer, self.down, self.up = layer, down, up

    def __call__(self, inputs):
        # Where they were put at opening, unless the network was lent to main memory since.
        down, up = self.down.to(inputs), self.up.to(inputs)
        if down.dim() == 2:
            return functional.linear(functional.linear(inputs, down), up)
        narrow = functional.conv2d(inputs, down, stride=self.layer.stride, padding=self.layer.padding)
        return functional.conv2d(narrow, up)


def open_low_rank(component, networks):
    paths, tensors = {}, load_file(component.path)
    layers = {role: dict(network.named_modules()) for role, network in networks.items()}
    for name in sorted({name.rpartition(".")[0] for name in tensors}):
        role, _, layer = name.partition(":")
        module = layers.get(role, {}).get(layer)
        down, up = tensors.pop(f"{name}.down"), tensors.pop(f"{name}.up")
        if module is not None and (len(up), down.shape[1:]) != (len(module.weight), module.weight.shape[1:]):
            raise UnusableModel(f"{name} is of another size")
        home = up if module is None else module.weight
        paths.setdefault(role, {})[layer] = LowRank(module, down.to(home), up.to(home))
    return paths


def write_low_rank(path, networks, seed, *, rank=4, strength=0.3, only=""):
    """An adapter beside every linear map and every convolution of these networks whose name has `only` in it."""
    generator, tensors = torch.Generator().manual_seed(seed), {}
    for role, network in networks.items():
        for layer, module in network.named_modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d) and only in layer:
                weight = module.weight.detach()
                down = torch.randn(rank, *weight.shape[1:], generator=generator)
                up = torch.randn(len(weight), rank, *[1] * (weight.dim() - 2), generator=generator)
                tensors[f"{role}:{layer}.down"] = down
                tensors[f"{role}:{layer}.up"] = up * strength * float(weight.std()) / rank**0.5
    save_file(tensors, path)


def used(path, digest, weight=1.0, kind=KIND):
    return AdapterUse(
        name=path.stem, kind=kind, weight=weight, component=Component(role="adapter", path=str(path), digest=digest)
    )


def merge(networks, path, weight):
    """What the adapter does, done to the weights instead."""
    tensors = load_file(path)
    for name in sorted({name.rpartition(".")[0] for name in tensors}):
        role, _, layer = name.partition(":")
        change = torch.tensordot(tensors[f"{name}.up"].flatten(1), tensors[f"{name}.down"], 1)
        with torch.no_grad():
            networks[role].get_submodule(layer).weight += weight * change
