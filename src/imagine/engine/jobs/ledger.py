"""What is asked of one picture, and what was spent on it and given up for it so far: the same whoever makes it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...fairness.urgency import share_of
from ...messages import Message, message
from ...words.errors import BadRequest
from ...words.frames import Submit
from ...words.recipe import GenerationParams, meta_from_params
from ...words.upscalers import UPSCALERS
from ..parts.slices import Slices, T
from .buckets import Bucket, buckets_from_text, buckets_text
from .looking import PictureLooks


class Ledger:
    """Begun with a `Submit`, before its models are there. Raises BadRequest on `buckets` and `refiner`."""

    def __init__(self, submit: Submit, number: int) -> None:
        """`number` orders pictures by their arrival."""
        self.submit = submit
        self.id, self.client = submit.job, submit.client
        self.number = number
        self.share = share_of(submit.weight, submit.priority)
        """By how much less than its seconds its client is charged."""
        self.timings: dict[str, float] = defaultdict(float)
        self.buckets: list[Bucket] = []
        """Those that its evaluations ran in."""
        self.replay = None if self.params.buckets is None else buckets_from_text(self.params.buckets)
        _check_refiner(submit)
        _check_upscaler(submit)
        self.models = [model.identity for model in submit.models]
        """The identities of the models it takes: its own, a refiner's, an upscaler's."""
        self.served = 0
        """The number of its last evaluation, of all that were made; 0: none yet."""
        self.spent = 0.0
        """Seconds of the device that it had: of a step that was shared, its share."""
        self.looking: PictureLooks | None = None
        """How its pictures are looked at before they are shown, where they are."""
        self.tiled = False
        """Memory is short: the VAE is to work in tiles."""
        self._warnings: list[Message] = []
        self._sacrifices: dict[str, Message] = {}

    @property
    def params(self) -> GenerationParams:
        return self.submit.params

    @property
    def warnings(self) -> list[Message]:
        """Sentences for the user, each once."""
        return list(dict.fromkeys([*self._warnings, *self._sacrifices.values()]))

    def warn(self, *notes: Message) -> None:
        self._warnings += notes

    def sacrifice(self, what: str, note: Message) -> None:
        """Memory ran short, and `what` was given up, as `note` tells; of several times the last counts."""
        self._sacrifices[what] = note

    @property
    def alone(self) -> bool:
        """Never shares a batch: its bytes are promised whatever the crowd, or must be made again."""
        return self.params.reproducible or self.replay is not None

    @property
    def most(self) -> int | None:
        """How many evaluations of its model are made together at most, where the model's settings say so."""
        return self.submit.max_batch

    @property
    def bucket(self) -> int:
        """The bucket that a picture which is `alone` takes for its next evaluation."""
        return 1 if (told := self.told) is None else told.jobs

    @property
    def told(self) -> Bucket | None:
        """What the recipe that is replayed says of its next evaluation; None where it says nothing."""
        done = len(self.buckets)
        return self.replay[done] if self.replay is not None and done < len(self.replay) else None

    def recorded(self, environment: dict[str, Any]) -> dict[str, Any]:
        """What a recipe says of the picture: all that is needed to make it again. `environment` is what else decides
        bits."""
        meta, model, refiner = meta_from_params(self.params), self.submit.model, self.submit.refiner
        if self.buckets:
            meta["buckets"] = buckets_text(self.buckets)
            if all(bucket.share for bucket in self.buckets) and self.submit.upscaler is None:
                environment = environment | {"threads": 1}
        used: dict[str, str] = {role: part.digest for role, part in model.parts.items()}
        beside = {"refiner": refiner, "upscaler": self.submit.upscaler}
        used |= {role: other.digest for role, other in beside.items() if other is not None}
        if used:
            meta["parts"] = used
        if model.sha256:
            meta["sha256"] = model.sha256
        meta["environment"] = environment | ({"tiles": True} if self.tiled else {})
        return meta

    @property
    def looking_at_previews(self) -> PictureLooks | None:
        """How its previews are looked at, where they are."""
        return self.looking if self.looking is not None and self.looking.at_previews else None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.timings[stage] += time.perf_counter() - begun

    def timing(self, stage: str, slices: Slices[T]) -> Slices[T]:
        """The same slices, and the seconds of each noted, without those in between."""
        while True:
            begun = time.perf_counter()
            try:
                next(slices)
            except StopIteration as end:
                made: T = end.value
                return made
            finally:
                self.timings[stage] += time.perf_counter() - begun
            yield


def _check_upscaler(submit: Submit) -> None:
    """Raises BadRequest where a file is to enlarge that isn't there."""
    hires = submit.params.hires
    if hires is not None and hires.upscaler not in UPSCALERS and submit.upscaler is None and submit.enlargement is None:
        names = ", ".join(UPSCALERS)
        raise BadRequest(message("part.missing_among", "hires.upscaler", value=hires.upscaler[:40], names=names))


def _check_refiner(submit: Submit) -> None:
    """Raises BadRequest where a refiner is asked for that isn't there, or at no part of the noise."""
    if submit.params.refiner is None:
        return
    if not 0 <= submit.params.refiner_at <= 1:
        raise BadRequest(message("value.range", "refiner_at", value=submit.params.refiner_at, least=0, most=1))
    if submit.refiner is None:
        raise BadRequest(message("refiner.missing", "refiner", value=submit.params.refiner))
