"""The layers of a model's networks by every name that trainers have for them.

U-Nets go by diffusers' names and by those of the original (`unet_names`), transformers by both as well (`maps`), text
encoders by transformers'. All are read with underscores for dots, as `words/adapter_names.py` tells them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from torch.nn import Module

from ...words.model import Role
from ..adapters.adapter import Networks
from ..adapters.fused import FusedRows
from ..parts.t5 import T5Encoder
from .family_config import UNET
from .maps.layout import Layout
from .maps.of_networks import layouts_of
from .unet_names import from_diffusers

_ENCODERS: dict[str, Role] = {
    "te_": "text_encoder", "te1_": "text_encoder", "te2_": "text_encoder_2", "te3_": "text_encoder_3",
    "text_encoder_2_": "text_encoder_2", "text_encoder_3_": "text_encoder_3", "text_encoder_": "text_encoder",
    "clip_l_": "text_encoder", "clip_h_": "text_encoder", "clip_g_": "text_encoder_2",
    "text_encoders_clip_l_": "text_encoder", "text_encoders_clip_h_": "text_encoder",
    "text_encoders_clip_g_": "text_encoder_2", "text_encoders_t5xxl_": "text_encoder_3", "text_model_": "text_encoder",
    "text_encoders_qwen3_4b_": "text_encoder", "text_encoders_qwen3_8b_": "text_encoder",
    "text_encoders_qwen25_7b_": "text_encoder", "text_encoders_mistral3_24b_": "text_encoder",
}  # fmt: skip
"""What layers of text encoders begin with; those of denoisers have nothing before them."""
_WRAPPERS = ("transformer_", "text_model_", "model_")
"""What may stand between that and the names of layers."""
_OLD_ATTENTION = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
"""What diffusers once called a text encoder's attention."""


class NamedLayer(NamedTuple):
    """A layer of one of the networks."""

    role: Role
    name: str
    layer: Module
    rows: FusedRows | None = None
    """Which of the answer's numbers, where a trainer has several of our layers in one; None: all."""


_NamedRows = tuple[str, FusedRows | None]


class LayerNames:
    """Of one model's networks."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._names: dict[Role, dict[str, Sequence[_NamedRows]]] = {
            role: _denoiser_names(network) if role == "denoiser" else _text_names(network)
            for role, network in networks.items()
        }
        # The third is SD3's T5, and so to trainers Flux's, which has two encoders.
        t5 = next((role for role, network in networks.items() if isinstance(network, T5Encoder)), None)
        if t5 is not None:
            self._names.setdefault("text_encoder_3", self._names[t5])
        self._t5 = t5

    def find(self, layer: str) -> Sequence[NamedLayer]:
        """The layers that a trainer calls so, none where they aren't there."""
        role, rest = _told(layer)
        places = self._names.get(role, {}).get(rest, ())
        if role not in self._networks and self._t5 is not None:
            role = self._t5
        return [NamedLayer(role, name, self._networks[role].get_submodule(name), rows) for name, rows in places]


def _told(layer: str) -> tuple[Role, str]:
    """Whose layer it is, and what it is called there."""
    beginning = next((one for one in _ENCODERS if layer.startswith(one)), None)
    if beginning is None:
        return "denoiser", layer
    rest = layer.removeprefix(beginning)
    for wrapper in _WRAPPERS:
        rest = rest.removeprefix(wrapper)
    return _ENCODERS[beginning], rest


def _denoiser_names(network: Module) -> dict[str, Sequence[_NamedRows]]:
    ours, layouts = _weighty(network), layouts_of(network)
    names: dict[str, Sequence[_NamedRows]] = {}
    for layout in layouts:
        names |= {_flat(original): places for original, places in _fused(network, layout, ours)}
    if not layouts:
        originals = from_diffusers([f"{name}.weight" for name in ours])
        names |= {
            _flat(original.removeprefix(UNET).removesuffix(".weight")): _whole(name.removesuffix(".weight"))
            for original, name in originals.items()
        }
    names |= {_flat(name): _whole(name) for name in ours}
    return names | {_flat(name.removesuffix(".0")): _whole(name) for name in ours if name.endswith("to_out.0")}


def _fused(network: Module, layout: Layout, ours: Sequence[str]) -> Iterator[tuple[str, Sequence[_NamedRows]]]:
    """The original's layers, and ours that each holds."""
    there = set(ours)
    for original, names in layout.originals(ours):
        if not there.issuperset(names):
            continue
        widths = [len(network.get_parameter(f"{name}.weight")) for name in names]
        ends = list(accumulate(widths))
        if names[0] in layout.swapped:
            half = ends[0] // 2
            yield original, [(names[0], FusedRows(ends[0], (slice(half, None), slice(half))))]
        elif len(names) == 1:
            yield original, _whole(names[0])
        else:
            rows = [FusedRows(ends[-1], (slice(end - width, end),)) for end, width in zip(ends, widths, strict=True)]
            yield original, list(zip(names, rows, strict=True))


def _text_names(network: Module) -> dict[str, Sequence[_NamedRows]]:
    names = {_flat(name.removeprefix("text_model.")): name for name in _weighty(network)}
    for ours, theirs in _OLD_ATTENTION.items():
        end = f"_{ours}"
        names |= {flat.removesuffix(end) + f"_{theirs}": name for flat, name in names.items() if flat.endswith(end)}
    return {flat: _whole(name) for flat, name in names.items()}


def _whole(name: str) -> Sequence[_NamedRows]:
    return [(name, None)]


def _weighty(network: Module) -> list[str]:
    """The layers that have weights of their own."""
    return [name.removesuffix(".weight") for name, _ in network.named_parameters() if name.endswith(".weight")]


def _flat(name: str) -> str:
    return name.replace(".", "_")
