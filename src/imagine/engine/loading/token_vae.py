"""FLUX.2's VAE from its tensors, in Black Forest Labs' layout or diffusers': the network, and beside it what is known
of all of its latents, which is no layer of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ...messages import message
from ...words.errors import UnusableModel
from ..libraries.light import AutoencoderKLFlux2
from ..parts.standardised import LatentStatistics
from ..parts.token_autoencoder import statistics_of
from .maps.sizes import Shapes, count_of, size_of
from .weights import Tensors

_MEAN, _VARIANCE = "bn.running_mean", "bn.running_var"
_COUNTED = "bn.num_batches_tracked"
_INSIDE = {"encoder.quant_conv.": "quant_conv.", "decoder.post_quant_conv.": "post_quant_conv."}
"""Where Black Forest Labs have the convolutions between the halves (https://github.com/black-forest-labs/flux2,
Apache-2.0)."""
_EPSILON = 1e-4
"""Of theirs, and diffusers' default."""
STATISTICS = "statistics"
"""What the network's module has them as."""


def has_statistics(part: Tensors) -> bool:
    """Is it such a VAE's?"""
    return _MEAN in part


def without_statistics(part: Tensors) -> tuple[Tensors, Tensors]:
    """The network's tensors, the convolutions between its halves where any VAE has them, and those of the
    statistics."""
    beside = {name: part[name] for name in (_MEAN, _VARIANCE) if name in part}
    if len(beside) < 2:
        raise UnusableModel(message("weights.no_tensor", name=_VARIANCE))
    network = {name: tensor for name, tensor in part.items() if name not in beside and name != _COUNTED}
    for inside, outside in _INSIDE.items():
        network = {name.replace(inside, outside, 1) if name.startswith(inside) else name: tensor
                   for name, tensor in network.items()}  # fmt: skip
    return network, beside


def token_config(config: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """Settings of an `AutoencoderKLFlux2`, from those that any VAE of these `shapes` has: its decoder may be
    narrower."""
    blocks = count_of(shapes, "decoder.up_blocks.")
    widths = [size_of(shapes, f"decoder.up_blocks.{block}.resnets.0.conv1.weight", 0) for block in range(blocks)]
    own = list(reversed(widths))
    return {**config, "decoder_block_out_channels": None if own == config["block_out_channels"] else own}


def token_vae(settings: Mapping[str, Any], beside: Tensors, *, stated: bool = False) -> Callable[[], Any]:
    """What makes the empty network, which has the statistics with it; `stated`: the settings are a folder's."""
    statistics = statistics_of(beside[_MEAN], beside[_VARIANCE], float(settings.get("batch_norm_eps", _EPSILON)))
    make = partial(AutoencoderKLFlux2.from_config, settings) if stated else partial(AutoencoderKLFlux2, **settings)

    def constructed() -> Any:
        vae = make()
        _check(beside, list(vae.bn.running_mean.shape))
        del vae.bn
        vars(vae)[STATISTICS] = statistics
        return vae

    return constructed


def _check(beside: Tensors, expected: list[int]) -> None:
    """Raises UnusableModel unless there is a number for each of the latents."""
    for name, tensor in beside.items():
        if (shape := list(tensor.shape)) != expected:
            said = {"name": name, "shape": str(shape), "expected": str(expected)}
            raise UnusableModel(message("weights.shape", part="VAE", **said))


def statistics_with(vae: Any) -> LatentStatistics | None:
    """Those of a network made so; None of any other VAE."""
    return vars(vae).get(STATISTICS)
