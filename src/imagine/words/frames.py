"""The typed protocol between a gateway and a worker: what may be said, and how it is framed.

A frame is four bytes of big-endian length, then one msgpack map whose `type` names the class. A gateway says
`Command`s; a worker says `Report`s, which are the events of `imagine.words.events` and news about the worker itself.
Picture bytes cross as they are: encoded by whoever made them, never looked into here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

import msgspec

from .component_walk import components_in
from .events import AnyEvent, Event, Failed, Finished
from .keys import USUAL, Priority
from .model import AdapterUse, Component, ControlUse, EmbeddingUse, Model, ReferenceUse
from .moderation import PictureCheck
from .preprocessors import Preprocess
from .recipe import GenerationParams

MAX_FRAME = 256 * 2**20
"""Bytes of the largest frame: beyond any picture we make, below what would hurt the gateway."""

REFUSED = 78
"""The exit status of a worker whose settings can't be, as of a device that isn't there (EX_CONFIG of sysexits.h)."""

_PREFIX = 4
T = TypeVar("T")


class FrameError(ValueError):
    """The other side said something that is no frame: there is no way back into step with it."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker must know before it imports torch. `None` leaves a choice to the worker."""

    device: str = "auto"
    full_prec: bool = False
    compile: bool = False
    """Have torch compile denoisers, unless a model's options say otherwise."""
    fp16_accumulation: bool = False
    """Have CUDA sum products of float16 in float16."""
    cuda_graphs: bool = True
    """Replay recorded forwards on CUDA."""
    memory: int | None = None
    """Bytes that models' weights may take on the device at most."""
    keep_alive: float = 300.0
    """Seconds a model stays after its last use: negative is for ever, 0 not at all."""
    max_batch: int | None = None
    offline: bool = False
    """Ask no other machine for anything."""
    state: str | None = None
    """A folder for what is decided once per machine and model."""
    cores: tuple[int, ...] = ()
    """The processors that it computes on, by the system's numbers; none said: any."""
    threads: int | None = None
    """How many compute on the CPU, where its `cores` don't say; None: as many as torch takes by itself."""
    sharers: int = 1
    """How many workers, this one with them, share the main memory that their models lie in."""
    heartbeat: float = 1.0
    """Seconds between two heartbeats."""
    log_level: int = 20
    """Of our own records, one of the standard library's numbers; libraries are heard from warnings on."""


PreviewKind = Literal["linear", "tiny", "vae", "latents"]


class PreviewSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Show the predicted picture after every `every` of the user's steps; 0: never."""

    kind: PreviewKind = "linear"
    every: int = 0
    tiny: Component | None = None
    """What a `tiny` one is decoded by."""


class Command(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """What a gateway tells a worker."""


class Start(Command, frozen=True, tag="start"):
    """The first command, and said once: what kind of worker to be."""

    settings: WorkerSettings = WorkerSettings()


class Enlargement(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is painted: `img` is enlarged as `params.hires` says, by the upscaler that `model` is.

    The PNG is written into the file at `path`, which is there, since it may be too large for a frame. It carries
    `meta`, what `img` says of how it was made, and what enlarged it.
    """

    path: str
    meta: dict[str, Any] = {}


class MapWish(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is painted: `model`, a preprocessor, makes a map of `img`, and of `mask`, at the size of `params`."""

    preprocess: Preprocess
    options: dict[str, float] = {}


class Submit(Command, frozen=True, tag="submit"):
    """Make one picture. Ends with exactly one `Finished` or `Failed` of this job.

    `img` and `mask` are the encoded pictures whose digests `params` names.
    """

    job: str
    client: str
    params: GenerationParams
    model: Model
    refiner: Model | None = None
    """Finishes what `model` began, where `params` names one."""
    upscaler: Model | None = None
    """Enlarges before the second pass, where that names a file."""
    enlargement: Enlargement | None = None
    mapping: MapWish | None = None
    adapters: tuple[AdapterUse, ...] = ()
    """What goes beside `model`; a refiner has none of them."""
    embeddings: tuple[EmbeddingUse, ...] = ()
    """What words of the prompts stand for, in `model` and in a refiner."""
    controls: tuple[ControlUse, ...] = ()
    """What the recipe's `control` names, in its order."""
    references: tuple[ReferenceUse, ...] = ()
    """What the recipe's `references` name, in their order."""
    img: bytes | None = None
    mask: bytes | None = None
    preview: PreviewSettings = PreviewSettings()
    keep_alive: float | None = None
    """Seconds, as in `WorkerSettings`; None: the worker's own."""
    check: PictureCheck | None = None
    """How it is looked at before it is said: what isn't to be shown ends it with `Blocked`."""
    max_batch: int | None = None
    """How many evaluations of `model` are made together at most, where its settings say so."""
    environment: dict[str, str] = {}
    """Where the picture was made before, as its recipe says, where it is made again (`words/same_bits.py`)."""
    priority: Priority = USUAL
    weight: float = 1.0
    """How many times another client's share its client has, of the same priority."""
    turn: float = 0.0
    """Where it stands among its client's own; the least is next."""
    foreign: bool = False
    """It came from another server: it goes to no third, so that it can't go round."""

    @property
    def beside(self) -> list[Component]:
        """The files that it takes beside those of its models."""
        of_references = [part for use in self.references for part in (use.component, use.encoder)]
        parts = [*(use.component for use in self.adapters), *(use.component for use in self.controls), *of_references]
        looking = [] if self.check is None else [self.check.checker.main]
        return [*(part for part in parts if part is not None), *looking]

    @property
    def stays(self) -> bool:
        """Can only a worker of this machine make it?"""
        return self.foreign or self.enlargement is not None

    @property
    def components(self) -> list[Component]:
        """Every file or folder that it reads, of its models and beside them."""
        return list(components_in(self))

    @property
    def models(self) -> list[Model]:
        """The models it takes: its own, the refiner, the upscaler, and what makes the maps of its controls."""
        own = [model for model in (self.model, self.refiner, self.upscaler) if model is not None]
        makers = [use.preprocessor for use in self.controls if use.preprocessor is not None]
        return [*own, *{model.identity: model for model in makers}.values()]


class Cancel(Command, frozen=True, tag="cancel"):
    """Take a job back: answered by `Failed(error="Cancelled")`, unless it has ended."""

    job: str


class Load(Command, frozen=True, tag="load"):
    """Have a model ready: ends with `Loaded` or `Failed` of this job."""

    job: str
    model: Model
    keep_alive: float | None = None


class Unload(Command, frozen=True, tag="unload"):
    """Let a model go once no job uses it: ends with `Unloaded` or `Failed` of this job."""

    job: str
    model: str


class Score(Command, frozen=True, tag="score"):
    """Say what is seen in a picture, encoded as `img`: ends with `Scored` or `Failed` of this job."""

    job: str
    checker: Model
    img: bytes


class Shutdown(Command, frozen=True, tag="shutdown"):
    """End after the step that is running."""


class Loaded(Event, frozen=True, tag="loaded"):
    """The model of a `Load` is resident."""

    model: str


class Unloaded(Event, frozen=True, tag="unloaded"):
    """The model of an `Unload` is gone, or was not there."""

    model: str


class Scored(Event, frozen=True, tag="scored"):
    """What the checker of a `Score` sees: 0…1 by category."""

    scores: dict[str, float]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a device has for models that aren't there yet, as it was when its worker started."""

    memory: int
    """Bytes that weights may take."""
    left: int = 0
    """Bytes of an accelerator that are left to what is computed."""
    width: int = 2
    """Bytes of a number, as models of most families compute there."""
    stages: bool = True
    """There is main memory beside it, in which networks can wait."""
    others: int = 0
    """Devices beside it, which none of its models is laid over."""


class Ready(msgspec.Struct, frozen=True, tag_field="type", tag="ready", kw_only=True):
    """The worker takes jobs, on the device that it chose."""

    device: str
    name: str = ""
    """What the device calls itself."""
    room: Room | None = None
    """None where nothing is known of it."""
    environment: dict[str, Any] = {}
    """What of it decides bits, as recipes have it; empty where nothing is known (`words/same_bits.py`)."""


class Heartbeat(msgspec.Struct, frozen=True, tag_field="type", tag="heartbeat", kw_only=True):
    """Said by a thread of its own every `WorkerSettings.heartbeat` seconds, whatever the main one does."""

    stage: str
    age: float
    """Seconds since the main thread last changed stage or ended a step."""
    busy: bool


class ResidentModel(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded model: its bytes on the device, and in how many seconds it goes (None: never, or in use)."""

    name: str
    digest: str
    identity: str = ""
    """Of its `Model`."""
    dtype: str = ""
    size: int = 0
    way: str = "all"
    """How it is held there, as `families.memory.Way` has it."""
    expires_in: float | None = None


class Stats(msgspec.Struct, frozen=True, tag_field="type", tag="stats", kw_only=True):
    """What the worker holds; said when it changed, and every second or so of work."""

    models: list[ResidentModel] = []
    jobs: int = 0
    steps: int = 0


class Log(msgspec.Struct, frozen=True, tag_field="type", tag="log", kw_only=True):
    """One record of the worker's logging; `level` is one of the standard library's numbers."""

    level: int
    name: str
    message: str


AnyCommand = Start | Submit | Cancel | Load | Unload | Score | Shutdown
JobReport = AnyEvent | Loaded | Unloaded | Scored
Report = JobReport | Ready | Heartbeat | Stats | Log

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
_reports: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)


def ends(report: JobReport) -> bool:
    """Is this the last thing ever said about its job?"""
    return isinstance(report, Finished | Failed | Loaded | Unloaded | Scored)


def encode(frame: msgspec.Struct) -> bytearray:
    """The bytes of one frame, its length first. Raises FrameError for what can't be said or is beyond MAX_FRAME."""
    buffer = bytearray(_PREFIX)
    try:
        _encoder.encode_into(frame, buffer, _PREFIX)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FrameError(f"{type(frame).__name__} can't be sent: {error}") from error
    length = len(buffer) - _PREFIX
    if length > MAX_FRAME:
        raise FrameError(f"a frame of {length} bytes is larger than {MAX_FRAME}")
    buffer[:_PREFIX] = length.to_bytes(_PREFIX, "big")
    return buffer


def command_from_bytes(body: bytes) -> AnyCommand:
    """The command in a frame's body. Raises FrameError."""
    return decoded(_commands, body)


def report_from_bytes(body: bytes) -> Report:
    """The report in a frame's body. Raises FrameError."""
    return decoded(_reports, body)


def decoded(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    """What a frame's body says, to `decoder`. Raises FrameError."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"not a frame of ours: {error}") from error


class Assembler:
    """Cuts a stream of bytes, in whatever pieces it comes, into the bodies of frames, of up to `most` bytes each."""

    def __init__(self, most: Callable[[], int] = lambda: MAX_FRAME) -> None:
        self._most = most
        self._pending = bytearray()

    @property
    def is_within(self) -> bool:
        """Is there the beginning of a frame whose end hasn't come?"""
        return bool(self._pending)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Takes the next piece; yields every body that is complete by now. Raises FrameError."""
        self._pending += data
        while (end := self._end()) is not None:
            body = bytes(memoryview(self._pending)[_PREFIX:end])
            del self._pending[:end]
            yield body

    def _end(self) -> int | None:
        """Where the first pending frame ends, when all of it is there."""
        if len(self._pending) < _PREFIX:
            return None
        length = int.from_bytes(self._pending[:_PREFIX], "big")
        if not 0 < length <= self._most():
            raise FrameError(f"a frame can't be {length} bytes")
        return _PREFIX + length if len(self._pending) >= _PREFIX + length else None
