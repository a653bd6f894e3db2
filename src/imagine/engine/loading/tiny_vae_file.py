"""A tiny VAE's file: its decoder, under TAESD's own names or diffusers'."""

from __future__ import annotations

import re
from collections import defaultdict

from torch import Tensor

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..parts.tiny_decoder import TinyDecoder
from .checkpoint_file import CheckpointFile

MOST_TENSORS, MOST_LAYERS, MOST_BYTES = 500, 64, 64 * 2**20
_PREFIXES = (("decoder.layers.", 1), ("taesd_decoder.", 0), ("decoder.", 0), ("", 0))
"""How the decoder's layers are named, and what is added to their numbers: diffusers' has none for the first."""
_LAYER = re.compile(r"(\d{1,3})\.(.+)")


def read_tiny_decoder(component: Component) -> TinyDecoder:
    """The decoder, in float32 on the CPU and copied. Raises UnusableModel."""
    weights = CheckpointFile(component.path)
    if len(weights.names) > MOST_TENSORS or weights.nbytes > MOST_BYTES:
        raise UnusableModel(message("tiny.large"))
    for prefix, added in _PREFIXES:
        layers: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
        for name in weights.names:
            match = _LAYER.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if match and (number := int(match[1]) + added) <= MOST_LAYERS:
                layers[number][match[2]] = weights.read(name).float().clone()
        if layers:
            try:
                return TinyDecoder(layers).eval()
            except (ValueError, RuntimeError) as error:
                raise UnusableModel(message("tiny.misfit", why=str(error).splitlines()[0][:200])) from error
    raise UnusableModel(message("tiny.misfit", why="no layers"))
