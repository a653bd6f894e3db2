"""LoRAs as kohya writes them, for tests: of random numbers, beside every linear map and convolution."""

import torch
from safetensors.torch import load_file, save_file

from imagine.words.model import AdapterUse, Component

PREFIXES = {"denoiser": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}


def spelled(role, layer):
    """A layer's name in kohya's spelling."""
    return f"{PREFIXES[role]}_{layer}".replace(".", "_")


def write_low_rank(path, networks, seed, *, rank=4, strength=0.3, only="", metadata=None):
    """An adapter beside every linear map and every convolution of these networks whose name has `only` in it."""
    generator, tensors = torch.Generator().manual_seed(seed), {}
    for role, network in networks.items():
        for layer, module in network.named_modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d) and only in layer:
                weight = module.weight.detach()
                down = torch.randn(rank, *weight.shape[1:], generator=generator)
                up = torch.randn(len(weight), rank, *[1] * (weight.dim() - 2), generator=generator)
                tensors[f"{spelled(role, layer)}.lora_down.weight"] = down
                tensors[f"{spelled(role, layer)}.lora_up.weight"] = up * strength * float(weight.std()) / rank**0.5
                tensors[f"{spelled(role, layer)}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path, metadata)


def used(path, digest, weight=1.0, kind="lora", clip_weight=None):
    clip_weight = weight if clip_weight is None else clip_weight
    component = Component(role="adapter", path=str(path), digest=digest)
    return AdapterUse(name=path.stem, kind=kind, weight=weight, clip_weight=clip_weight, component=component)


def merge(networks, path, weight):
    """What the adapter does, done to the weights instead."""
    tensors = load_file(path)
    for role, network in networks.items():
        for layer, module in network.named_modules():
            name = spelled(role, layer)
            if f"{name}.alpha" in tensors:
                change = torch.tensordot(
                    tensors[f"{name}.lora_up.weight"].flatten(1), tensors[f"{name}.lora_down.weight"], 1
                )
                with torch.no_grad():
                    module.weight += weight * change
