"""What networks of controls add to a transformer, and where: behind its blocks, to the tokens of the picture.

As diffusers' transformers add what they are given (0.42, Apache-2.0), whose blocks answer with the tokens of the text
and those of the picture, or with all of them in one row. Sums are made in place, to the picture's own rows alone;
whatever stands behind its own tokens, as of pictures that the model is shown, is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ..execution.additions import SlotRows


class Behind(NamedTuple):
    """What one network adds behind the blocks of a list."""

    blocks: str
    """What the transformer calls the list."""
    each: Sequence[Tensor | None]
    """For one block after the other, (sides, tokens, width), or one row for all sides; one may stand for several. None:
    nothing is added there."""


class BlockResiduals(NamedTuple):
    """For one picture, and nobody else's, in the order that they are added in. A `Made`."""

    behind: tuple[Behind, ...] = ()

    def plus(self, other: BlockResiduals) -> BlockResiduals:
        """One after the other: what stands for several blocks can't be summed in place."""
        return BlockResiduals(self.behind + other.behind)

    def hooks(self, network: Any, rows: SlotRows) -> Iterator[RemovableHandle]:
        for blocks, each in self.behind:
            # Where there are more than blocks, it was made beside a longer network, which has the rest.
            for block, residual in zip(getattr(network, blocks), each, strict=False):
                if residual is not None:
                    yield block.register_forward_hook(partial(_add, residual, rows))


def _add(residual: Tensor, rows: SlotRows, _block: Any, _given: Any, answer: Tensor | tuple[Any, Tensor]) -> None:
    tokens = answer if isinstance(answer, Tensor) else answer[1]
    where, sides = rows.within(len(tokens))
    tokens[where, : residual.shape[1]].add_(residual if len(residual) == 1 else residual[sides])
