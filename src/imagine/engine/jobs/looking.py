"""Pictures looked at before they are shown, by the checker that their job names: on the threads that make their files.

Every preview is looked at, as the very picture that is sent, and withheld where it isn't to be shown: few steps, little
noise or the first of two passes show the whole picture early. Where previews are a stage of the check, one decides: the
first that is due from `FROM` of its pass on. It is made whatever else is to be done, and ends its job where it isn't to
be shown. So what becomes of a picture doesn't depend on how busy the device is, and one that isn't to be shown isn't
painted to its end.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from PIL import Image

from ...identity.stamp import unchanged
from ...messages import Message, message
from ...pictures.crops import flattened
from ...words.errors import Blocked, ImagineError, ModelChanged, UnusableModel
from ...words.model import Model
from ...words.moderation import ModerationStage, ModerationVerdict, PictureCheck
from ...words.seen import told
from ..adapters.kept import Kept
from ..safety.checker import Checker, Scores

_log = logging.getLogger(__name__)
FROM = 0.6
"""Of a pass: what is predicted earlier is too little to end a job by."""
CheckerReader = Callable[[Model], Checker]
"""What looks at pictures, from its file. Raises UnusableModel, ModelChanged."""
_BLOCKED: Mapping[ModerationStage, str] = {"preview": "blocked.preview", "picture": "blocked.picture"}


class OpenChecker:
    """A checker that is read when it first looks: no step waits for it. A `KeptSource`; any thread may ask."""

    def __init__(self, read: CheckerReader, model: Model) -> None:
        self._read, self._model = read, model
        self._checker: Checker | None = None
        self._reading = threading.Lock()

    @property
    def nbytes(self) -> int:
        return 0 if self._checker is None else self._checker.nbytes

    def score(self, picture: Image.Image) -> Scores:
        """What is seen in a picture. Raises UnusableModel, ModelChanged; and what a network raises."""
        with self._reading:
            if self._checker is None:
                self._checker = self._opened()
        scores = self._checker.score(np.asarray(flattened(picture)))
        if not all(map(math.isfinite, scores.values())):
            raise UnusableModel(message("checker.numbers"))
        return scores

    def _opened(self) -> Checker:
        checker, name = self._read(self._model), self._model.name
        if not unchanged(self._model.stamps.values()):  # what was read is no longer what the gateway chose
            raise ModelChanged(message("model.replaced", "model", name=name))
        return checker


class OpenCheckers:
    """Those beside any model. Calls come from the engine's thread."""

    def __init__(self, read: CheckerReader, kept: Kept) -> None:
        self._read, self._kept = read, kept

    def beside(self, model: object, checker: Model) -> OpenChecker:
        """That of a file, which stays for as long as the model does and nobody wants the memory."""
        identity = f"checker {checker.identity}"
        there: OpenChecker | None = self._kept.find(model, identity)
        if there is None:
            source = self._kept.source(identity, partial(OpenChecker, self._read, checker))
            there = self._kept.add(model, identity, source)
        return there


class PictureLooks:
    """How the pictures of one job are looked at."""

    def __init__(self, check: PictureCheck, checker: OpenChecker, warn: Callable[[Message], None]) -> None:
        """`warn` takes what its client is told of what can't be looked at, and is shown all the same."""
        self._check, self._checker, self._warn = check, checker, warn
        self._decided = False

    @property
    def at_pictures(self) -> bool:
        """Is the finished picture looked at?"""
        return "picture" in self._check.stages

    @property
    def at_previews(self) -> bool:
        """Are previews looked at? They are wherever pictures are: each shows what the picture will."""
        return bool(self._check.stages)

    def decides(self, painted: float) -> bool:
        """Does the preview decide that is due when so much of its pass is painted, 0…1? One of a job does. The engine's
        thread asks, in the steps' order."""
        first = "preview" in self._check.stages and painted >= FROM and not self._decided
        self._decided |= first
        return first

    def preview(self, make: Callable[[], Image.Image]) -> Image.Image:
        """What `make` makes, looked at. Raises as it does, as `look` does, and UnusableModel for one that can't be made
        where nobody looks at the picture either and what can't be looked at isn't shown."""
        try:
            shown = make()
        except Exception as error:
            why = message("checker.unmade", None, kind=type(error).__name__)
            if not self.at_pictures and (refusal := self._unseen(why)) is not None:
                raise refusal from error
            raise
        self.look(shown, "preview")
        return shown

    def look(self, picture: Image.Image, stage: ModerationStage) -> None:
        """Raises Blocked where a picture isn't to be shown, UnusableModel where it can't be looked at and would have
        to be. From any thread."""
        seen = self._check.seen_in(self._scores(picture))
        if not seen:
            return
        name = self._check.checker.name
        verdict = ModerationVerdict(action="block", categories=seen, stage=stage, rule=name, policy=self._check.policy)
        raise Blocked(message(_BLOCKED[stage], None, what=told(next(iter(seen)))), verdict)

    def _scores(self, picture: Image.Image) -> Scores:
        try:
            return self._checker.score(picture)
        except Exception as error:  # whatever it raises, nobody has looked
            if not isinstance(error, ImagineError):
                _log.error("the checker %s failed", self._check.checker.name, exc_info=error)
            if (refusal := self._unseen(_reason(error))) is not None:
                raise refusal from error
            return {}

    def _unseen(self, why: Message) -> UnusableModel | None:
        """Nobody has looked: what is raised for that; None, and a warning, where the picture is shown all the same."""
        name = message("checker.named", None, name=self._check.checker.name)
        if self._check.fail == "closed":
            return UnusableModel(message("checker.closed", None, name=name, why=why))
        self._warn(message("checker.open", None, name=name, why=why))
        return None


def _reason(error: Exception) -> Message:
    return error.note if isinstance(error, ImagineError) else message("checker.raised", None, kind=type(error).__name__)
