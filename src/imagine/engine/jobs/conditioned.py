"""What a picture's denoiser is conditioned by: its prompts, and the adapters, controls and references beside it.

They are opened once, and laid out for each pass over its canvas.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..adapters.mix import NO_MIX, Mix
from ..adapters.opened import Opened
from ..families.family import Family, Timeline
from ..parts.part import at_work
from ..parts.slices import Slices
from .canvas import Canvas
from .controlling import Controlling
from .ledger import Ledger
from .passes import Encode, mask_channels, with_mask
from .prompts_at_steps import PromptsAtSteps
from .referring import Referring


class Conditioned:
    """Of one picture. Nothing is there before `open`, and no prompt is encoded before `lay`."""

    def __init__(
        self, ledger: Ledger, families: Sequence[Family], prompts: PromptsAtSteps, adapters: Opened,
        controls: Controlling, references: Referring,
    ) -> None:  # fmt: skip
        """`families`: its own, which all but prompts are for, and a refiner's."""
        self._ledger, self._families, self._adapters = ledger, families, adapters
        self.prompts, self.controls, self.references = prompts, controls, references
        self.shown = bool(ledger.submit.controls or ledger.submit.references)
        """It has controls or references."""
        self.mix: Mix = NO_MIX
        self.timelines: list[Timeline] = []
        """For each of the families, the conditioning of the pass that runs."""

    def open(self, canvas: Canvas) -> Slices[None]:
        """Open adapters and controls, whose maps are made for the canvas of the first pass."""
        ledger, own = self._ledger, self._families[0]
        self.mix = yield from ledger.timing("encoding", self._adapters.mix(ledger.submit.adapters, own))
        ledger.warn(*self.mix.warnings)
        seeing = self.mix.seeing(own.networks["denoiser"]) if self.mix else ()
        yield from ledger.timing("encoding", self.controls.open(own, canvas, seeing))

    def open_references(self, encode: Encode) -> Slices[None]:
        """Have the references seen, on as many sides as the prompts that were laid out have."""
        sided, ledger = self.timelines[0].at(0).negative is not None, self._ledger
        opening = self.references.open(self._families[0], encode, sided=sided)
        ledger.warn(*(yield from ledger.timing("encoding", opening)))

    def begin_second(self) -> None:
        """From now on the prompts are the second pass's, which `lay` is for next."""
        self.prompts = self.prompts.of_second_pass()

    def lay(self, canvas: Canvas, encode: Encode, steps: int, before: int = 0) -> Slices[None]:
        """Encode the prompts, and lay out the maps of controls, for a pass of so many of the user's steps, with so many
        in the pass before it."""
        ledger = self._ledger
        self.timelines = []
        ledger.warn(*(yield from self.controls.lay(canvas, encode, steps)))
        for family in self._families:
            channels = yield from self._channels(family, canvas, encode)
            own = family is self._families[0]
            mix, pictures = (self.mix, (yield from self.references.heard(family))) if own else (NO_MIX, ())
            with at_work(family.parts("encode")):
                encoded = self.prompts.encoded(family, canvas.work, mix, steps, before, pictures)
            ledger.warn(*(note for _, conditioning in encoded for note in conditioning.warnings))
            self.timelines.append(
                Timeline(encoded if channels is None else [(end, with_mask(made, channels)) for end, made in encoded])
            )

    def _channels(self, family: Family, canvas: Canvas, encode: Encode) -> Slices[Tensor | None]:
        """What its denoiser sees beside the latents, of one that does. Raises BadRequest where that is a map, and there
        is none."""
        if family.takes_map:
            return self.controls.own_map
        return (yield from mask_channels(family, canvas, encode)) if family.takes_mask else None

    def lay_references(self, canvas: Canvas, steps: int) -> None:
        """Lay the masks of the references out, and tell the denoiser what it is shown, for a pass of so many of the
        user's steps."""
        self._ledger.warn(*self.references.lay(canvas, self._families[0].downscale, steps))
        self.timelines[0] = self.references.told(self.timelines[0], steps)
