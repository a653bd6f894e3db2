"""What is believed of what another machine says about a job: only what such a job can come to, and never too much.

Whatever else it says is a `Lie`, and ends the connection with it: nobody who is honest can go on after that. Words are
harmless by then: text is bounded, numbers are finite, and what a job cost is no more than the time that it was away.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import msgspec

from ..messages import message
from ..pictures.containers import Fragmented, sniff
from ..pictures.images import MAX_BYTES, MAX_SIDE, outline
from ..pictures.metadata import carries, is_bare
from ..words import errors
from ..words.errors import BadPicture, Cancelled, WorkerLost
from ..words.events import Failed, Finished, Loading, Preview, Progress, Queued
from ..words.frames import JobReport, Loaded, Scored, Submit, Unloaded
from ..words.model import Role
from ..words.moderation import ModerationVerdict
from ..words.recipe import GenerationParams, meta_from_params
from .parting import Lie
from .told import LONGEST_NAME, finite, is_plain, note_of, plain, within
from .wire import MAX_SAID

_MOST_NOTES = 64
_EVENTS, _PER_STEP = 1000, 20
"""How many events a job has at most: some, and so many for each step."""
_PASSES = 4
"""How many times its steps it has at most, further passes counted."""
_STAGES = frozenset(
    {"loading", "encoding", "denoising", "decoding", "upscaling", "mapping", "looking", "saving"}
)  # fmt: skip
"""Of which seconds are told; a name of another's own would be one more row of this server's metrics."""
_ERRORS = frozenset(
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.ImagineError)
)
_ELSEWHERE = "elsewhere"
"""The rule of what another server's own rules refuse."""
_ADDED = frozenset({"buckets", "parts", "sha256", "environment"})
"""What a recipe has from who made the picture."""
_MOST_CATEGORIES = 64
_MOST_BUCKETS = 2**16
_ROUNDED = 64
"""Pixels by which a side may have been rounded up."""
_FORGIVEN = frozenset({"Busy", "OverQuota"})


class JobClaim:
    """One job that is elsewhere, and what may yet be said of it."""

    def __init__(self, job: Submit, clock: Callable[[], float] = time.monotonic) -> None:
        self.job, self.taken_back = job, False
        self._clock, self._since = clock, clock()
        self._steps = _steps_of(job.params)
        self._left = _EVENTS + _PER_STEP * self._steps
        self._came, self._reached = self._since, (0, -math.inf)

    @property
    def most_bytes(self) -> int:
        """Of the largest frame that says something about it."""
        width, height = _largest(self.job)
        return min(MAX_BYTES, 4 * width * height) + MAX_SAID

    @property
    def idle(self) -> float:
        """Seconds since it last came on: in line, in loading, in steps."""
        return self._clock() - self._came

    def checked(self, event: JobReport) -> JobReport:
        """What may be told of it: the event, without what can't be. Raises Lie."""
        self._left -= 1
        if self._left < 0:
            raise Lie(message("lie.events"))
        match event:
            case Queued():
                return Queued(job=event.job, position=int(self._come_on(0, max(0, event.position), -1)))
            case Loading():
                fraction = self._come_on(1, within(event.fraction))
                return Loading(job=event.job, model=self.job.model.name, fraction=fraction)
            case Progress():
                return self._progress(event)
            case Preview():
                self._check_preview(event)
                return event
            case Finished():
                return self._finished(event)
            case Failed():
                return self._failed(event)
        raise Lie(message("lie.event"))

    def check_size(self, size: tuple[int, int]) -> None:
        """Raises Lie where a finished picture has other sides than it can have."""
        width, height = _largest(self.job)
        if size[0] > width or size[1] > height:
            raise Lie(message("lie.picture"))

    def _come_on(self, stage: int, far: float, sign: int = 1) -> float:
        """Notes how far it is in a stage, where that is further than it was. `sign` -1: less is further."""
        if (stage, sign * far) > self._reached:
            self._came, self._reached = self._clock(), (stage, sign * far)
        return far

    def _progress(self, event: Progress) -> Progress:
        """What everybody's expectations are learned from, so it has to make sense."""
        told, most = max(1, event.steps), _PASSES * self._steps
        step = max(0, min(event.step, told))
        if told > most:
            step, told = step * most // told, most
        self._come_on(2, step)
        remaining = None if event.remaining is None else finite(event.remaining)
        return Progress(job=event.job, step=step, steps=told, remaining=remaining, spent=self._spent(event.spent))

    def _spent(self, seconds: float) -> float:
        """Whoever asked is charged for it."""
        return min(finite(seconds), self._clock() - self._since)

    def _check_preview(self, event: Preview) -> None:
        asked, (width, height) = self.job.preview, _largest(self.job)
        if not asked.every or len(event.data) > 4 * width * height + MAX_SAID:
            raise Lie(message("lie.preview"))
        if asked.kind == "latents" and sniff(event.data) is None:
            if event.media_type != "application/vnd.safetensors" or not _begins_as_safetensors(event.data):
                raise Lie(message("lie.preview"))
            return
        if not _fits(event.data, event.media_type, (width, height)):
            raise Lie(message("lie.preview"))

    def _finished(self, event: Finished) -> Finished:
        """The picture's own pixels are looked at by another process, later."""
        if event.media_type != "image/png" or not _fits(event.data, event.media_type, _largest(self.job)):
            raise Lie(message("lie.picture"))
        try:
            is_its = self._is_its_recipe(event.meta) and _is_carried(event)
        except (TypeError, ValueError, OverflowError, RecursionError):  # of what no recipe holds, or nests too deep
            is_its = False
        if not is_its:
            raise Lie(message("lie.recipe"))
        timings = {name: finite(seconds) for name, seconds in event.timings.items() if name in _STAGES}
        notes = [note_of(each) for each in event.warnings[:_MOST_NOTES]]
        return msgspec.structs.replace(event, timings=timings, warnings=notes, spent=self._spent(event.spent))

    def _is_its_recipe(self, meta: dict[str, Any]) -> bool:
        """Is it the job's, with no more than what only who makes a picture knows?"""
        if not is_plain(meta.get("environment", {})):
            return False
        if self.job.mapping is not None:
            return meta.keys() == {"preprocessed"} and _is_map_of(self.job, meta["preprocessed"])
        asked, parts, buckets = meta_from_params(self.job.params), _parts_of(self.job), meta.get("buckets", "")
        return (
            _without_added(meta) == _without_added(asked)
            and meta.get("parts", parts) == parts
            and meta.get("sha256", self.job.model.sha256) == self.job.model.sha256
            and isinstance(buckets, str)
            and len(buckets) <= _MOST_BUCKETS
        )

    def _failed(self, event: Failed) -> Failed:
        """Whoever hasn't taken a job back isn't told that he has; of a full queue elsewhere, another worker knows
        nothing."""
        error = _error_of(event.error, taken_back=self.taken_back)
        verdict = None if event.verdict is None or error != errors.Blocked.__name__ else self._verdict(event.verdict)
        return Failed(job=event.job, error=error, message=note_of(event.message), verdict=verdict)

    def _verdict(self, told: ModerationVerdict) -> ModerationVerdict:
        """Both look by the same file, which has this server's name here; what else refuses it is somebody's over there,
        whatever they call it."""
        check = self.job.check
        rule = check.checker.name if check is not None and told.stage in check.stages else _ELSEWHERE
        seen = list(told.categories.items())[:_MOST_CATEGORIES]
        categories = {plain(name, LONGEST_NAME): within(score) for name, score in seen}
        return msgspec.structs.replace(told, action="block", categories=categories, rule=rule)


class AskClaim:
    """What is asked and is no picture's job: a model to be had ready or let go, a picture to be looked at."""

    most_bytes = MAX_SAID

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.taken_back = False
        self._clock, self._since, self._left = clock, clock(), _EVENTS

    @property
    def idle(self) -> float:
        """Seconds since it was asked."""
        return self._clock() - self._since

    def checked(self, event: JobReport) -> JobReport:
        """What may be told of it. Raises Lie."""
        self._left -= 1
        if self._left < 0:
            raise Lie(message("lie.events"))
        match event:
            case Scored():
                return checked_scores(event)
            case Loaded() | Unloaded():
                return event
            case Loading():
                return Loading(job=event.job, model=plain(event.model), fraction=within(event.fraction))
            case Failed():
                error = _error_of(event.error, taken_back=self.taken_back)
                return Failed(job=event.job, error=error, message=note_of(event.message))
        raise Lie(message("lie.event"))


def checked_scores(event: Scored) -> Scored:
    """What a checker elsewhere sees. Raises Lie."""
    if len(event.scores) > _MOST_CATEGORIES or any(len(name) > LONGEST_NAME for name in event.scores):
        raise Lie(message("lie.event"))
    return Scored(job=event.job, scores={name: within(score) for name, score in event.scores.items()})


def _error_of(told: str, *, taken_back: bool) -> str:
    """The name of an error of ours."""
    if told in _FORGIVEN or (told == Cancelled.__name__ and not taken_back):
        return WorkerLost.__name__
    return told if told in _ERRORS else errors.ImagineError.__name__


def _steps_of(params: GenerationParams) -> int:
    hires = params.hires
    return params.num_steps + (0 if hires is None else hires.steps or params.num_steps)


def _largest(job: Submit) -> tuple[int, int]:
    """Sides that its picture doesn't have more of."""
    params = job.params
    if params.mask_padding is not None:  # it has its source's
        return MAX_SIDE, MAX_SIDE
    extend, scale = params.extend, 1.0 if params.hires is None else max(1.0, params.hires.scale)
    across = params.width + (0 if extend is None else extend.left + extend.right)
    down = params.height + (0 if extend is None else extend.top + extend.bottom)
    return tuple(min(MAX_SIDE, math.ceil(side * scale) + _ROUNDED) for side in (across, down))  # type: ignore[return-value]


def _fits(data: bytes, media_type: str, largest: tuple[int, int]) -> bool:
    """Is it a picture of that type and no larger, as far as its outline tells?"""
    try:
        layout = outline(data, "img")
    except BadPicture:
        return False
    within = 0 < layout.width <= largest[0] and 0 < layout.height <= largest[1]
    return layout.ended and within and media_type == f"image/{layout.kind}"


def _is_carried(event: Finished) -> bool:
    try:
        return carries(event.data, event.meta) and is_bare(event.data)
    except Fragmented:
        return False


def _without_added(meta: dict[str, Any]) -> bytes:
    """The rest of a recipe, the same for equal ones however they came here."""
    return msgspec.json.encode({name: meta[name] for name in meta.keys() - _ADDED}, order="deterministic")


def _parts_of(job: Submit) -> dict[str, str]:
    """As a recipe names them."""
    used: dict[Role | str, str] = {role: part.digest for role, part in job.model.parts.items()}
    beside = {"refiner": job.refiner, "upscaler": job.upscaler}
    return used | {role: other.digest for role, other in beside.items() if other is not None}


def _is_map_of(job: Submit, told: object) -> bool:
    """Is that what a map says which this job makes?"""
    assert job.mapping is not None, "it makes one"
    if not isinstance(told, dict) or not is_plain(told.get("environment", {})):
        return False
    wanted = {"preprocess": job.mapping.preprocess, "img": job.params.img}
    known = {*wanted, "options", "mask", "model", "digest", "width", "height", "resize", "environment"}
    same = all(told.get(name) == value for name, value in wanted.items())
    return same and told.keys() <= known and told.get("digest", job.model.digest) == job.model.digest


def _begins_as_safetensors(data: bytes) -> bool:
    length = int.from_bytes(data[:8], "little")
    return len(data) > 8 and data[8:9] == b"{" and 0 < length <= len(data) - 8
