"""Who makes a picture: chosen by what was opened for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...messages import message
from ...words.errors import Unsupported
from ..adapters.embedding import OpenEmbeddings
from ..adapters.opened import Opened
from ..control.open_controls import OpenControls
from ..device.device import Device
from ..families.enlarger import Enlarger
from ..families.loaded_model import LoadedModel
from ..families.mapper import Mapper
from ..parts.part import is_spared
from ..references.opened import OpenReferences
from ..whole.pipeline import Whole
from .conditioned import Conditioned
from .controlling import Controlling
from .enlarging import Enlarging
from .forward import Forward
from .ledger import Ledger
from .looking import OpenCheckers, PictureLooks
from .picture_coder import PictureCoder
from .preprocessing import Preprocessing
from .prompts_at_steps import PromptsAtSteps
from .referring import Referring
from .stepped import Stepped
from .whole import WholeRun
from .work import Work


class Makers:
    """What all pictures on one device are made with."""

    def __init__(
        self, device: Device, turn: float, adapters: Opened, embeddings: OpenEmbeddings, controls: OpenControls,
        references: OpenReferences, checkers: OpenCheckers,
    ) -> None:  # fmt: skip
        """`turn`: seconds after which others may have the device."""
        self._device, self._turn, self._adapters, self._embeddings = device, turn, adapters, embeddings
        self._controls, self._references, self.checkers = controls, references, checkers
        self.forward = Forward()

    def begin(self, ledger: Ledger, models: Sequence[LoadedModel]) -> Work:
        """The picture of a ledger in the making; `models` are those of its `submit`.

        Raises BadRequest, Unsupported, UnusableModel, ModelChanged.
        """
        self._look(ledger, models[0])
        first, enlargers = models[0], [model for model in models if isinstance(model, Enlarger)]
        if isinstance(first, Enlarger):
            return Enlarging(ledger, first, partial(self._device.environment, first.dtype, spared=is_spared(first)))
        if isinstance(first, Mapper):
            return Preprocessing(ledger, first, partial(self._device.environment, first.dtype, spared=is_spared(first)))
        if isinstance(first, Whole):
            return WholeRun(ledger, first, self._turn)
        families = [model for model in models if not isinstance(model, Whole | Enlarger | Mapper)]
        if any(isinstance(model, Whole) for model in models):
            raise Unsupported(message("refiner.whole", "refiner", value=ledger.params.refiner or ""))
        enlarger = enlargers[0] if enlargers else None
        prompts = PromptsAtSteps(ledger.params, self._embeddings.of(ledger.submit.embeddings))
        asked = zip(ledger.submit.models, models, strict=True)
        mappers = {said.identity: model for said, model in asked if isinstance(model, Mapper)}
        controls = Controlling(ledger.submit, self._controls, mappers)
        references = Referring(ledger.submit, self._references)
        conditioned = Conditioned(ledger, families, prompts, self._adapters, controls, references)
        coder = PictureCoder(ledger, families[0], enlarger)
        return Stepped(ledger, families, conditioned, coder, self.forward, self._device.torch)

    def _look(self, ledger: Ledger, model: LoadedModel) -> None:
        """Have its pictures looked at, where they are to be, by a checker that is there for as long as its model."""
        if (check := ledger.submit.check) is not None:
            ledger.looking = PictureLooks(check, self.checkers.beside(model, check.checker), ledger.warn)
