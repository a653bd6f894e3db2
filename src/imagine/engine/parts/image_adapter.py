"""An image adapter, opened: how it makes tokens of pictures, and what each layer of a denoiser makes of the tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...messages import message
from ...words.errors import UnusableModel
from ..adapters.adapter import Beside
from ..adapters.attending import Attending, Numbered, attentions, of_unet
from ..adapters.layer import Misfit, Parts
from ..adapters.low_rank import LowRank
from .image_projections import ImageProjection, Redux

FindAttention = Callable[[Any], Sequence[Numbered]]
"""Of a denoiser those that attend to words, if it is of the kind."""


class LayerSizes(NamedTuple):
    """Of a layer's two maps: what it takes of a token, and what it makes of it."""

    taken: int
    made: int
    biased: bool = False


class _Maps(nn.Module):
    """Of one layer."""

    def __init__(self, sizes: LayerSizes) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(sizes.taken, sizes.made, bias=sizes.biased)
        self.to_v_ip = nn.Linear(sizes.taken, sizes.made, bias=sizes.biased)


class ImageAdapterNetwork(nn.Module):
    """Its tensors, under the names that they have in its file."""

    def __init__(self, projection: Callable[[], ImageProjection], layers: Mapping[int, LayerSizes]) -> None:
        super().__init__()
        self.image_proj = projection()
        self.ip_adapter = nn.ModuleDict({str(number): _Maps(sizes) for number, sizes in layers.items()})


class ImageAdapter:
    """One file's."""

    def __init__(
        self, network: ImageAdapterNetwork, low_rank: Mapping[int, Mapping[str, Parts]], *, has_encoder: bool,
        layers: FindAttention = of_unet,
    ) -> None:  # fmt: skip
        """`low_rank`: what it has beside layers as a LoRA, by a layer's number and the name of one of its maps.
        `has_encoder`: its file holds its image encoder, too. `layers`: those of its kind of denoiser."""
        self.network, self._low_rank, self.has_encoder, self._layers = network, low_rank, has_encoder, layers

    @property
    def is_words(self) -> bool:
        """Do its tokens stand among those of the prompt, beside which nothing is attended to?"""
        return isinstance(self.network.image_proj, Redux)

    @property
    def against_black(self) -> bool:
        """Is the negative side told of a black picture, and not of none (XLabs' own code, and diffusers')?"""
        return self._layers is not of_unet

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        halves = [tensor for maps in self._low_rank.values() for parts in maps.values() for tensor in parts.values()]
        return sum(tensor.nbytes for tensor in (*self.network.parameters(), *halves))

    @property
    def projection(self) -> ImageProjection:
        return self.network.image_proj

    def takes(self, made: Mapping[str, int]) -> bool:
        """Was it trained on what an image encoder sees that `makes` this of a picture?"""
        return all(made.get(each) == width for each, width in self.widths.items() if each != "face")

    @property
    def widths(self) -> Mapping[str, int]:
        """What of a picture it has to be told, fields of `Look`, and how wide each is."""
        return self.network.image_proj.widths

    def fitting(self, name: str, network: Any) -> list[tuple[str, Attending, Any]]:
        """The layers of a denoiser that attend to words, with their names and the adapter's maps for each; none where
        its tokens stand among the prompt's.

        Raises UnusableModel, calling it by `name`, where they are others than it was trained for.
        """
        if isinstance(self.network.image_proj, Redux):
            if self.network.image_proj.redux_down.out_features != network.config.get("joint_attention_dim"):
                raise UnusableModel(message("image_adapter.fit", "references", name=name))
            return []
        found = self._layers(network)
        maps: dict[int, Any] = {int(number): each for number, each in self.network.ip_adapter.items()}
        for number, _, layer in found:
            if number not in maps or tuple(maps[number].to_k_ip.weight.shape) != layer.sizes:
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


def memory(maps: Any, tokens: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Keys and values (sides, heads, tokens, width of a head) of tokens (sides, tokens, context)."""
    with torch.inference_mode():
        keys, values = maps.to_k_ip(tokens), maps.to_v_ip(tokens)
        split = (each.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous() for each in (keys, values))
        return next(split), next(split)


def _map(attention: Any, which: str) -> Any:
    return attention.to_out[0] if which == "to_out" else getattr(attention, which)
