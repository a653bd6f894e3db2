"""The layers of a model's networks by every name that trainers have for them.

U-Nets go by diffusers' names and by those of the original (`unet_names`), text encoders by transformers'. All are read
with underscores for dots, as `words/adapter_names.py` tells them.
"""

from __future__ import annotations

from typing import NamedTuple

from torch.nn import Module

from ...words.model import Role
from ..adapters.adapter import Networks
from .family_config import UNET
from .unet_names import from_diffusers

_ENCODERS: dict[str, Role] = {
    "te_": "text_encoder", "te1_": "text_encoder", "te2_": "text_encoder_2",
    "text_encoder_2_": "text_encoder_2", "text_encoder_": "text_encoder",
    "clip_l_": "text_encoder", "clip_h_": "text_encoder", "clip_g_": "text_encoder_2",
    "text_encoders_clip_l_": "text_encoder", "text_encoders_clip_h_": "text_encoder",
    "text_encoders_clip_g_": "text_encoder_2", "text_model_": "text_encoder",
}  # fmt: skip
"""What layers of text encoders begin with; those of denoisers have nothing before them."""
_OLD_ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
"""What diffusers once called a text encoder's attention."""


class NamedLayer(NamedTuple):
    """A layer of one of the networks."""

    role: Role
    name: str
    layer: Module


class LayerNames:
    """Of one model's networks."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._names = {
            role: _denoiser_names(network) if role == "denoiser" else _text_names(network)
            for role, network in networks.items()
        }

    def find(self, layer: str) -> NamedLayer | None:
        """The layer that a trainer calls so, if it is there."""
        role, rest = _told(layer)
        name = self._names.get(role, {}).get(rest)
        return None if name is None else NamedLayer(role, name, self._networks[role].get_submodule(name))


def _told(layer: str) -> tuple[Role, str]:
    """Whose layer it is, and what it is called there."""
    beginning = next((one for one in _ENCODERS if layer.startswith(one)), None)
    if beginning is None:
        return "denoiser", layer
    rest = layer.removeprefix(beginning).removeprefix("transformer_").removeprefix("text_model_")
    return _ENCODERS[beginning], rest


def _denoiser_names(network: Module) -> dict[str, str]:
    ours = _weighty(network)
    originals = from_diffusers([f"{name}.weight" for name in ours])
    names = {
        _flat(original.removeprefix(UNET).removesuffix(".weight")): name.removesuffix(".weight")
        for original, name in originals.items()
    }
    names |= {_flat(name): name for name in ours}
    return names | {_flat(name.removesuffix(".0")): name for name in ours if name.endswith("to_out.0")}


def _text_names(network: Module) -> dict[str, str]:
    names = {_flat(name.removeprefix("text_model.")): name for name in _weighty(network)}
    for ours, theirs in _OLD_ATTENTION.items():
        end = f"_{ours}"
        names |= {flat.removesuffix(end) + f"_{theirs}": name for flat, name in names.items() if flat.endswith(end)}
    return names


def _weighty(network: Module) -> list[str]:
    """The layers that have weights of their own."""
    return [name.removesuffix(".weight") for name, _ in network.named_parameters() if name.endswith(".weight")]


def _flat(name: str) -> str:
    return name.replace(".", "_")
