"""An image adapter whose tokens follow from the step, opened: InstantX' of Stable Diffusion 3.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ...messages import message
from ...words.errors import UnusableModel
from ..adapters.timed_prompt import TimedLayer
from ..libraries.light import IPAdapterTimeImageProjection, SD3IPAdapterJointAttnProcessor2_0

_ATTENTIONS = (".attn", ".attn2")


class TimedAdapterNetwork(nn.Module):
    """Its tensors, as diffusers' own classes have them."""

    def __init__(self, projection: Mapping[str, int], layers: Mapping[int, Mapping[str, int]], depth: int) -> None:
        """The settings of both classes; of the first, but how many layers it has."""
        super().__init__()
        self.image_proj = IPAdapterTimeImageProjection(depth=depth, **projection)
        made = {str(number): SD3IPAdapterJointAttnProcessor2_0(**each) for number, each in layers.items()}
        self.ip_adapter = nn.ModuleDict(made)


class TimedAdapter:
    """One file's, which has no encoder."""

    has_encoder = False

    def __init__(self, network: TimedAdapterNetwork) -> None:
        self.network = network

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.network.parameters())

    @property
    def projection(self) -> Any:
        return self.network.image_proj

    @property
    def widths(self) -> Mapping[str, int]:
        """What of a picture it has to be told, fields of `Look`, and how wide each is."""
        return {"patches": int(self.network.image_proj.proj_in.in_features)}

    def takes(self, made: Mapping[str, int]) -> bool:
        """Was it trained on what an image encoder sees that `makes` this of a picture?"""
        return all(made.get(each) == width for each, width in self.widths.items())

    def fitting(self, name: str, network: Any) -> Sequence[TimedLayer]:
        """The attentions of a denoiser with the adapter's maps for each. Raises UnusableModel, calling it by `name`,
        where they are others than it was trained for."""
        found = [each for path, each in network.named_modules() if path.endswith(_ATTENTIONS)]
        sizes = [(each.to_k.out_features, each.to_k.out_features // each.heads) for each in found]
        maps: Mapping[str, Any] = dict(self.network.ip_adapter.items())
        own = [(each.to_k_ip.out_features, len(each.norm_q.weight)) for each in maps.values()]
        # Where blocks attend twice it isn't known what the second would hear.
        if not found or own != sizes or any(block.attn2 is not None for block in network.transformer_blocks):
            raise UnusableModel(message("image_adapter.fit", "references", name=name))
        return [TimedLayer(attention, maps[str(number)]) for number, attention in enumerate(found)]
