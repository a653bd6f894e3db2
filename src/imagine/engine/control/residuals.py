"""What networks of controls add to a U-Net, and where: to its skips, behind its middle, inside its way down.

As diffusers' `UNet2DConditionModel` adds what it is given (0.42, Apache-2.0): a ControlNet's to what the way up is
handed, so that the way down never sees it, a T2I-Adapter's where each level of the way down ends, before it is made
smaller. Where that is follows from the block; sums are made in place, to the picture's own rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ..execution.additions import SlotRows


class Residuals(NamedTuple):
    """For one picture, a row a side, or one for all; nobody else's. A `Made`."""

    skips: tuple[Tensor, ...] = ()
    """One for each of the network's skips, in the order that it makes them in; or none."""
    middle: Tensor | None = None
    features: tuple[Tensor, ...] = ()
    """One for each level of the way down from the first on, and for the middle if there is one more; or none."""

    def plus(self, other: Residuals) -> Residuals:
        """The sum; these may become it."""
        (middle,) = _sum(_some(self.middle), _some(other.middle)) or (None,)
        return Residuals(_sum(self.skips, other.skips), middle, _sum(self.features, other.features))

    def hooks(self, network: Any, rows: SlotRows) -> Iterator[RemovableHandle]:
        if self.skips:
            yield from _on_skips(network, self.skips, rows)
        if self.middle is not None:
            yield network.mid_block.register_forward_hook(partial(_on_answer, self.middle, rows))
        blocks = [*network.down_blocks, network.mid_block]
        for block, feature in zip(blocks, self.features, strict=False):
            # A level with attention ends with it; any other hands on the very tensor that it keeps as its last skip.
            attends = getattr(block, "attentions", None) and block is not network.mid_block
            place = block.attentions[-1] if attends else block
            yield place.register_forward_hook(partial(_on_answer, feature, rows))


def _some(tensor: Tensor | None) -> tuple[Tensor, ...]:
    return () if tensor is None else (tensor,)


def _sum(ones: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not ones or not others:
        return ones or others
    return tuple(one.add_(other) for one, other in zip(ones, others, strict=True))


def _on_skips(network: Any, skips: Sequence[Tensor], rows: SlotRows) -> Iterator[RemovableHandle]:
    """Each block of the way up is handed the last of the skips that are left."""
    end = len(skips)
    for block in network.up_blocks:
        first = end - len(block.resnets)
        hook = partial(_on_handed, skips[first:end], rows)
        yield block.register_forward_pre_hook(hook, with_kwargs=True)
        end = first


def _on_handed(residuals: Sequence[Tensor], rows: SlotRows, _block: Any, _given: Any, named: dict[str, Any]) -> None:
    # In place: whoever made these is done with them.
    for skip, residual in zip(named["res_hidden_states_tuple"], residuals, strict=True):
        _add(skip, residual, rows)


def _on_answer(residual: Tensor, rows: SlotRows, _block: Any, _given: Any, answer: Any) -> None:
    _add(answer if isinstance(answer, Tensor) else answer[0], residual, rows)


def _add(value: Tensor, residual: Tensor, rows: SlotRows) -> None:
    where, sides = rows.within(len(value))
    value[where].add_(residual if len(residual) == 1 else residual[sides])
