"""How a transformer's original layout maps to diffusers': which layers of the one are which rows of the other's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from .sizes import Shapes

LayerTable = Mapping[str, tuple[str, ...]]
"""The original's layers, and the one or those of diffusers' that each holds: below each other, and all but the last as
wide as the network."""


class Taken(NamedTuple):
    """What a tensor is taken from: the rows of the one that is called `name`, from `start` to `end`, None for all."""

    name: str
    start: int = 0
    end: int | None = None
    swapped: bool = False
    """Its halves change places, which copies them."""
    row: bool = False
    """It is a matrix of one row, which that tensor is."""


class LayerRows(NamedTuple):
    """Rows of an original's layer, which are a layer of diffusers'; `end` None is to the last."""

    layer: str
    start: int = 0
    end: int | None = None


class Layout(NamedTuple):
    """One architecture's."""

    layers: LayerTable
    """Those that are there once."""
    blocks: Mapping[str, tuple[str, LayerTable]]
    """Lists of blocks, by their name: diffusers' name of it, and the layers of each block; "" is the block itself."""
    swapped: Collection[str] = ()
    """LayerTable whose halves change places, shift and scale: by diffusers' name."""
    shared: int = 1
    """How many queries share a key, where an original's layer holds both: keys and values are as much narrower."""

    def parts(self, layer: str, width: int) -> list[LayerRows]:
        """What of diffusers' network, which is `width` wide, an original's layer holds; nothing for a strange one."""
        names = self._names(layer)
        ends = [width + width // self.shared * place for place in range(len(names) - 1)]
        return [LayerRows(*each) for each in zip(names, [0, *ends], [*ends, None], strict=False)]

    def taken(self, shapes: Shapes, width: int) -> dict[str, Taken]:
        """Where diffusers' tensors lie among an original's; names that it doesn't know are left out."""
        return dict(self._each(shapes, width))

    def originals(self, names: Collection[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The original's layers of a network whose layers have these `names`, each with those that it holds."""
        yield from self.layers.items()
        for theirs, (ours, layers) in self.blocks.items():
            start = f"{ours}."
            numbers = {name.removeprefix(start).partition(".")[0] for name in names if name.startswith(start)}
            for number in sorted(numbers, key=int):
                for layer in layers:
                    original = f"{theirs}.{number}.{layer}".rstrip(".")
                    yield original, self._names(original)

    def _each(self, shapes: Shapes, width: int) -> Iterator[tuple[str, Taken]]:
        for name in shapes:
            layer, _, parameter = name.rpartition(".")
            ours = "weight" if parameter == "scale" else parameter
            for part in self.parts(layer, width):
                yield f"{part.layer}.{ours}", Taken(name, part.start, part.end, part.layer in self.swapped)

    def _names(self, layer: str) -> tuple[str, ...]:
        if layer in self.layers:
            return self.layers[layer]
        match = re.fullmatch(r"(.+?)\.(\d+)(?:\.(.+))?", layer)
        if match is None or match[1] not in self.blocks:
            return ()
        ours, layers = self.blocks[match[1]]
        names = layers.get(match[3] or "", ())
        return tuple(f"{ours}.{match[2]}.{name}".rstrip(".") for name in names)
