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

from ..messages import Message, Value, message
from ..pictures.containers import Fragmented, sniff
from ..pictures.images import MAX_BYTES, MAX_SIDE, outline
from ..pictures.metadata import carries
from ..words.errors import BadPicture, Cancelled, WorkerLost
from ..words.events import Failed, Finished, Loading, Preview, Progress, Queued
from ..words.frames import JobReport, Loaded, Scored, Submit, Unloaded
from ..words.model import Role
from ..words.recipe import GenerationParams, meta_from_params
from .link import Lie

_MOST_NOTES = 64
_MOST_VALUES = 32
_LONGEST, _LONGEST_CODE = 2000, 100
_DEEPEST = 3
_EVENTS, _PER_STEP = 1000, 20
"""How many events a job has at most: some, and so many for each step."""
_SLACK = 2**20
"""Bytes of a frame beside a picture's pixels."""
_MOST_ENVIRONMENT = 2**14
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
        self._left = _EVENTS + _PER_STEP * _steps_of(job.params)

    @property
    def most_bytes(self) -> int:
        """Of the largest frame that says something about it."""
        width, height = _largest(self.job)
        return min(MAX_BYTES, 4 * width * height) + _SLACK

    def checked(self, event: JobReport) -> JobReport:
        """What may be told of it: the event, without what can't be. Raises Lie."""
        self._left -= 1
        if self._left < 0:
            raise Lie(message("lie.events"))
        match event:
            case Queued():
                return msgspec.structs.replace(event, position=max(0, event.position))
            case Loading():
                return Loading(job=event.job, model=self.job.model.name, fraction=_within(event.fraction))
            case Progress():
                remaining = None if event.remaining is None else _finite(event.remaining)
                return msgspec.structs.replace(event, remaining=remaining, spent=self._spent(event.spent))
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

    def _spent(self, seconds: float) -> float:
        """Whoever asked is charged for it."""
        return min(_finite(seconds), self._clock() - self._since)

    def _check_preview(self, event: Preview) -> None:
        asked, (width, height) = self.job.preview, _largest(self.job)
        if not asked.every or len(event.data) > 4 * width * height + _SLACK:
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
        if not self._is_its_recipe(event.meta) or not _is_carried(event):
            raise Lie(message("lie.recipe"))
        timings = {
            name[:_LONGEST_CODE]: _finite(seconds) for name, seconds in list(event.timings.items())[:_MOST_NOTES]
        }
        notes = [note_of(each) for each in event.warnings[:_MOST_NOTES]]
        return msgspec.structs.replace(event, timings=timings, warnings=notes, spent=self._spent(event.spent))

    def _is_its_recipe(self, meta: dict[str, Any]) -> bool:
        """Is it the job's, with no more than what only who makes a picture knows?"""
        if not _is_plain(meta.get("environment", {})):
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
        error = event.error[:_LONGEST_CODE]
        if error in _FORGIVEN or (error == Cancelled.__name__ and not self.taken_back):
            error = WorkerLost.__name__
        return Failed(job=event.job, error=error, message=note_of(event.message), verdict=event.verdict)


def note_of(note: Message, depth: int = _DEEPEST) -> Message:
    """A message that came from elsewhere, as far as it can be told. Raises Lie for one that can't."""
    if not depth or len(note.code) > _LONGEST_CODE or len(note.values) > _MOST_VALUES:
        raise Lie(message("lie.words"))
    values = {name[:_LONGEST_CODE]: _value_of(value, depth) for name, value in note.values.items()}
    field = None if note.field is None else note.field[:_LONGEST_CODE]
    return Message(note.code, field, values)


def checked_scores(event: Scored) -> Scored:
    """What a checker elsewhere sees. Raises Lie."""
    if len(event.scores) > _MOST_CATEGORIES or any(len(name) > _LONGEST_CODE for name in event.scores):
        raise Lie(message("lie.event"))
    return Scored(job=event.job, scores={name: _within(score) for name, score in event.scores.items()})


def checked_answer(event: JobReport) -> JobReport:
    """The end of what isn't a picture's job. Raises Lie."""
    match event:
        case Scored():
            return checked_scores(event)
        case Loaded() | Unloaded():
            return event
        case Loading():
            return Loading(job=event.job, model=event.model[:_LONGEST], fraction=_within(event.fraction))
        case Failed():
            return Failed(job=event.job, error=event.error[:_LONGEST_CODE], message=note_of(event.message))
    raise Lie(message("lie.event"))


def _value_of(value: Value, depth: int) -> Value:
    match value:
        case Message():
            return note_of(value, depth - 1)
        case str():
            return value[:_LONGEST]
        case float() if not math.isfinite(value):
            raise Lie(message("lie.words"))
    return value


def _finite(number: float) -> float:
    """A duration, or none at all."""
    return number if math.isfinite(number) and number > 0 else 0.0


def _within(number: float) -> float:
    return min(1.0, _finite(number))


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
        return carries(event.data, event.meta)
    except (Fragmented, ValueError):
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
    if not isinstance(told, dict) or not _is_plain(told.get("environment", {})):
        return False
    wanted = {"preprocess": job.mapping.preprocess, "img": job.params.img}
    known = {*wanted, "options", "mask", "model", "digest", "width", "height", "resize", "environment"}
    same = all(told.get(name) == value for name, value in wanted.items())
    return same and told.keys() <= known and told.get("digest", job.model.digest) == job.model.digest


def _is_plain(environment: object) -> bool:
    """Is it an object of no more than anybody is shown?"""
    return isinstance(environment, dict) and len(msgspec.json.encode(environment)) <= _MOST_ENVIRONMENT


def _begins_as_safetensors(data: bytes) -> bool:
    length = int.from_bytes(data[:8], "little")
    return len(data) > 8 and data[8:9] == b"{" and 0 < length <= len(data) - 8
