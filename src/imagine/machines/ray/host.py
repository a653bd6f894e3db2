"""What runs on a machine of a cluster, an actor for each device: keeps the ordinary worker process there.

Frames come in and go out as bytes, and files by their digests alone: where they lie, this machine's registry knows. The
worker's hangs are judged here, where no network is between; what the gateway hears instead is that this still runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec

from ... import __version__
from ...dispatch.child import Child
from ...dispatch.limits import Limits
from ...files import model_folders
from ...files.shipped import models
from ...messages import Message, message
from ...processes.runtime import worker_command
from ...registry.registry import Registry
from ...words.component_walk import components_in
from ...words.errors import Cancelled, ImagineError, WorkerLost
from ...words.events import Failed, Preview
from ...words.frames import (
    AnyCommand,
    Assembler,
    Cancel,
    FrameError,
    Heartbeat,
    Load,
    Report,
    ResidentModel,
    Score,
    Start,
    Stats,
    Submit,
    encode,
)
from ..inventory import Inventory
from ..lent import Brought, Lent
from ..portable import PartAbsent, at_home
from .fetching import Fetcher, FetchRoom, most_from
from .seam import DeviceKind
from .words import GatewayWord, HeldFiles, HostWord, LifeOver, asked_from_bytes, models_of

_log = logging.getLogger(__name__)
BEAT = 1.0
"""Seconds after which it is said that nothing is new."""
_LOOK = 30.0
"""Seconds between two looks at this machine's folders of models."""
_MOST_WAITING = 16 * 2**20
"""Bytes that wait to be sent, from which on previews are left out."""
_REMEMBERED = 64


class DeviceHost:
    """One device of the machine that it runs on. `version` is the gateway's."""

    def __init__(
        self,
        version: str,
        kind: DeviceKind,
        *,
        command: Sequence[str] | None = None,
        inventory: Inventory | None = None,
        fetcher: Fetcher | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._version = version
        self._device = "cuda" if kind == "GPU" else "cpu"
        self._command = command or worker_command()
        self._fetcher = fetcher or own_fetcher(os.environ)
        self._inventory = inventory or _own_inventory(self._fetcher.folder)
        self._limits = limits or Limits()
        self._assembler = Assembler()
        self._child: Child | None = None
        self._early: list[AnyCommand] = []
        """Commands that came before the worker's process was there."""
        self._out: list[bytes] = []
        self._waiting = 0
        self._news = asyncio.Event()
        self._bringing: dict[str, asyncio.Task[None]] = {}
        self._fetching: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Lock()
        self._told: frozenset[str] | None = None
        self._called: dict[str, str] = {}
        """What a model that is here is to the gateway, by their `identity`."""

    async def frames(self) -> AsyncIterator[bytes]:
        """Begins the worker's life, and says all that there is to say of it, to its end; b"" where nothing is new."""
        if self._version != __version__:
            why = message("cluster.version", theirs=__version__, ours=self._version)
            yield bytes(encode(LifeOver(why=why, refused=True)))
            return
        os.environ.pop("OMP_NUM_THREADS", None)  # which Ray sets to 1 for whoever asks for no CPUs of it
        child = Child(self._limits, self._hear)
        try:
            await child.spawn(self._command)
        except OSError as error:
            yield bytes(encode(LifeOver(why=message("lost.unrunnable", why=str(error)))))
            return
        self._child = child
        for command in self._early:
            child.send(command)
        child.ended.add_done_callback(lambda _: self._news.set())
        looking = asyncio.create_task(self._keep_looking())
        try:
            yield b""  # a first sign of life
            while not child.ended.done():
                yield await self._next_piece()
            self._say(LifeOver(why=child.ended.result(), refused=child.refused))
            yield await self._next_piece()
        finally:
            for task in (looking, *self._bringing.values(), *self._fetching):
                task.cancel()
            child.kill(message("lost.stopped"))
            await asyncio.wait([child.ended])

    async def send(self, frame: bytes) -> None:
        """Takes a command of the gateway's. Raises FrameError."""
        for body in self._assembler.feed(frame):
            self._obey(asked_from_bytes(body))

    async def _next_piece(self) -> bytes:
        """What is to be said, whole frames; waits for it, a beat at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT):
                await self._news.wait()
        self._news.clear()
        piece, self._out, self._waiting = b"".join(self._out), [], 0
        return piece

    def _say(self, word: HostWord) -> None:
        frame = bytes(encode(word))
        self._out.append(frame)
        self._waiting += len(frame)
        self._news.set()

    def _hear(self, report: Report) -> None:
        """Passes on what the worker says, and neither heartbeats nor previews that nobody takes as fast."""
        match report:
            case Heartbeat():
                return
            case Preview() if self._waiting > _MOST_WAITING:
                return
            case Stats():
                models = [self._as_called(model) for model in report.models]
                self._say(msgspec.structs.replace(report, models=models))
            case _:
                self._say(report)

    def _as_called(self, model: ResidentModel) -> ResidentModel:
        return msgspec.structs.replace(model, identity=self._called.get(model.identity, model.identity))

    def _obey(self, command: GatewayWord) -> None:
        match command:
            case Lent():
                fetching = asyncio.create_task(self._fetch(command))
                self._fetching.add(fetching)
                fetching.add_done_callback(self._fetching.discard)
            case Start():
                state = str(model_folders.home_from(os.environ) / "state")
                settings = msgspec.structs.replace(command.settings, device=self._device, state=state)
                self._pass_on(Start(settings=settings))
            case Submit() | Load() | Score():
                try:
                    self._hand_over(command)
                except PartAbsent:
                    bringing = self._bringing[command.job] = asyncio.create_task(self._bring(command))
                    bringing.add_done_callback(lambda _: self._bringing.pop(command.job, None))
            case Cancel(job=job) if job in self._bringing:
                self._bringing[job].cancel()
                self._say(Failed(job=job, error=Cancelled.__name__, message=message("job.cancelled")))
            case _:
                self._pass_on(command)

    def _pass_on(self, command: AnyCommand) -> None:
        if self._child is None:
            self._early.append(command)
        else:
            self._child.send(command)

    def _hand_over(self, command: Submit | Load | Score) -> None:
        """Has the worker do it with the files that are here. Raises PartAbsent, FrameError."""
        here = at_home(command, self._inventory.find)
        for part in components_in(here):
            if not self._fetcher.used(part):  # it went to make room, since the last look
                raise PartAbsent(part)
        for ours, theirs in zip(models_of(here), models_of(command), strict=True):
            self._called = dict(list(self._called.items())[-_REMEMBERED:]) | {ours.identity: theirs.identity}
        self._pass_on(here)

    async def _bring(self, command: Submit | Load | Score) -> None:
        """Looks whether what is missing has just come; if it hasn't, another machine may have it."""
        try:
            await self._look()
            self._hand_over(command)
        except PartAbsent as error:
            self._tell_files()  # first, so that nobody asks here again
            self._say(Failed(job=command.job, error=WorkerLost.__name__, message=error.note))
        except OSError as error:
            note = message("worker.failed", why=str(error))
            self._say(Failed(job=command.job, error=WorkerLost.__name__, message=note))

    async def _fetch(self, lent: Lent) -> None:
        """Brings what is lent, and says how far that is; has it found before it is said to be there."""
        percent = -1

        def told(done: int) -> None:
            nonlocal percent
            if percent != (percent := 100 * done // max(1, lent.size)):
                self._say(Brought(digest=lent.digest, done=done))

        why: Message | None = None
        try:
            await self._fetcher.fetch(lent, told)
        except ImagineError as error:
            why = error.note
        except (OSError, FrameError) as error:
            why = message("fetch.failed", why=getattr(error, "strerror", None) or str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, jobs wait for its end
            _log.exception("%s… can't be fetched", lent.digest[:12])
            why = message("fetch.failed", why=type(error).__name__)
        with contextlib.suppress(OSError):  # what can't be looked at isn't there
            await self._look()  # for what came, and for what went to make room
        self._tell_files()
        self._say(Brought(digest=lent.digest, done=0 if why else lent.size, is_over=True, why=why))

    async def _keep_looking(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # a folder that can't be read now may be back at the next look
                await self._look()
            self._tell_files()
            await asyncio.sleep(_LOOK)

    def _tell_files(self) -> None:
        """Where others are here than were told last."""
        if self._told != (told := self._inventory.digests):
            self._told = told
            self._say(HeldFiles(digests=told))

    async def _look(self) -> None:
        async with self._looking:
            await asyncio.to_thread(self._inventory.look)


def own_fetcher(environ: Mapping[str, str]) -> Fetcher:
    """What fetches into this machine's home, within what its owner gives for that. Raises ImagineError."""
    return Fetcher(model_folders.home_from(environ).absolute() / "fetched", FetchRoom(most_from(environ)))


def _own_inventory(fetched: Path) -> Inventory:
    """Of the folders of models that this machine's environment says, and of what was fetched."""
    cache = model_folders.home_from(os.environ) / "cache" / "models.json"
    roots = (*model_folders.roots_from(os.environ), fetched)
    return Inventory(Registry(roots, cache=cache, shipped=models()))
