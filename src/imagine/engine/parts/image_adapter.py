"""An image adapter, opened: how it makes tokens of pictures, and what each layer of a denoiser makes of the tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...messages import message
from ...words.errors import UnusableModel
from ..adapters.adapter import Beside
from ..adapters.layer import Misfit, Parts
from ..adapters.low_rank import LowRank
from .clip_vision import ClipVisionConfig
from .image_projections import ImageProjection

MARK = "attn2"
"""The last part of the names of layers that attend to words."""


class LayerSizes(NamedTuple):
    """Of a layer's two maps: what it takes of a token, and what it makes of it."""

    taken: int
    made: int


class _Maps(nn.Module):
    """Of one layer."""

    def __init__(self, sizes: LayerSizes) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(sizes.taken, sizes.made, bias=False)
        self.to_v_ip = nn.Linear(sizes.taken, sizes.made, bias=False)


class ImageAdapterNetwork(nn.Module):
    """Its tensors, under the names that they have in its file."""

    def __init__(self, projection: Callable[[], ImageProjection], layers: Mapping[int, LayerSizes]) -> None:
        super().__init__()
        self.image_proj = projection()
        self.ip_adapter = nn.ModuleDict({str(number): _Maps(sizes) for number, sizes in layers.items()})


class ImageAdapter:
    """One file's."""

    def __init__(
        self, network: ImageAdapterNetwork, low_rank: Mapping[int, Mapping[str, Parts]], *, has_encoder: bool
    ) -> None:
        """`low_rank`: what it has beside layers as a LoRA, by a layer's number and the name of one of its maps.
        `has_encoder`: its file holds its image encoder, too."""
        self.network, self._low_rank, self.has_encoder = network, low_rank, has_encoder

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        halves = [tensor for maps in self._low_rank.values() for parts in maps.values() for tensor in parts.values()]
        return sum(tensor.nbytes for tensor in (*self.network.parameters(), *halves))

    @property
    def projection(self) -> ImageProjection:
        return self.network.image_proj

    def takes(self, config: ClipVisionConfig) -> bool:
        """Was it trained on what an image encoder of these settings sees?"""
        widths = {"embedding": config.projection_dim, "patches": config.hidden_size}
        return all(widths.get(each, width) == width for each, width in self.widths.items())

    @property
    def widths(self) -> Mapping[str, int]:
        """What of a picture it has to be told, fields of `Look`, and how wide each is."""
        return self.network.image_proj.widths

    def fitting(self, name: str, network: Any) -> list[tuple[str, Any, Any]]:
        """The layers of a denoiser that attend to words, with their names and the adapter's maps for each.

        Raises UnusableModel, calling it by `name`, where they are others than it was trained for.
        """
        found = [(number, path, layer) for number, (path, layer) in enumerate(attentions(network)) if _of_words(path)]
        maps: dict[int, Any] = {int(number): each for number, each in self.network.ip_adapter.items()}
        for number, _, layer in found:
            sizes = maps[number].to_k_ip.weight.shape if number in maps else None
            if sizes != (layer.to_k.out_features, layer.to_k.in_features):
                raise UnusableModel(message("image_adapter.fit", "references", name=name))
        if len(maps) != len(found):
            raise UnusableModel(message("image_adapter.fit", "references", name=name))
        return [(path, layer, maps[number]) for number, path, layer in found]

    def beside(self, name: str, network: Any) -> list[Beside]:
        """What it has beside a denoiser's layers as a LoRA. Raises UnusableModel."""
        layers = [layer for _, layer in attentions(network)]
        if self._low_rank and max(self._low_rank) >= len(layers):
            raise UnusableModel(message("image_adapter.fit", "references", name=name))
        try:
            return [
                Beside(layer, LowRank(layer, parts, None))
                for number, maps in sorted(self._low_rank.items())
                for layer, parts in ((_map(layers[number], which), parts) for which, parts in sorted(maps.items()))
            ]
        except Misfit as error:
            raise UnusableModel(message("image_adapter.fit", "references", name=name)) from error


def attentions(network: Any) -> Sequence[tuple[str, Any]]:
    """All attention of a U-Net with its name, in the order that IP-Adapter's files number it by: as its blocks were
    made, the middle ones last (diffusers' `UNet2DConditionModel.attn_processors`)."""
    return [(name, layer) for name, layer in network.named_modules() if name.endswith((".attn1", f".{MARK}"))]


def memory(maps: Any, tokens: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Keys and values (sides, heads, tokens, width of a head) of tokens (sides, tokens, context)."""
    with torch.inference_mode():
        keys, values = maps.to_k_ip(tokens), maps.to_v_ip(tokens)
        split = (each.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous() for each in (keys, values))
        return next(split), next(split)


def _of_words(path: str) -> bool:
    return path.endswith(f".{MARK}")


def _map(attention: Any, which: str) -> Any:
    return attention.to_out[0] if which == "to_out" else getattr(attention, which)
