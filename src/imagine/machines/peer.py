"""A worker that is another server: reached when it answers, chosen by the files it has, left alone when it lies."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from urllib.parse import urlsplit

import msgspec

from ..dispatch.life import Life
from ..dispatch.limits import Restarts
from ..dispatch.process import ProcessWorker
from ..dispatch.worker import Events
from ..messages import Message
from ..words.entry import Entry
from ..words.frames import Loaded, Report, ResidentModel, Stats, Submit, WorkerSettings
from ..words.model import Component, Model
from ..words.peers import PeerSettings
from .peer_life import PeerHeard, PeerLife, PeerTerms
from .portable import portable_identity
from .wire import Devices, Holdings

_REMEMBERED = 256
"""Models whose own identity is known by that which is the same everywhere."""
_RETURN = Restarts(first=1.0, most=60.0)
"""When somebody who doesn't answer is asked again."""
_REST, _LONGEST_REST = 30.0, 900.0
"""Seconds for which one that lied is left alone, doubled each time."""


class PeerWorker(ProcessWorker):
    """As a process of this machine, but for where it is and what it has."""

    away = True

    def __init__(
        self,
        peer: PeerSettings,
        terms: PeerTerms,
        *,
        restarts: Restarts = _RETURN,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(WorkerSettings(), place=urlsplit(peer.url).netloc, begin=self._connect, restarts=restarts)
        self.peer = peer
        self._terms, self._sleep = terms, sleep
        self._held: set[str] = set()
        self._lies = 0
        self._last: PeerLife | None = None
        self._identities: OrderedDict[str, str] = OrderedDict()
        self._told = Stats()

    def holds(self, parts: Iterable[Component]) -> bool:
        """Has it said that it has all of these, by their content? A part of no file is everywhere."""
        return all(part.digest in self._held for part in parts if part.digest)

    def submit(self, job: Submit) -> Events:
        """Hands a job over; see `Worker.submit`."""
        for model in job.models:
            self._remember(model)
        return super().submit(job)

    async def load(self, model: Model, keep_alive: float | None = None) -> Loaded:
        """Has a model ready there. Raises ImagineError."""
        self._remember(model)
        return await super().load(model, keep_alive)

    async def _connect(self, report: Callable[[Report], None]) -> Life:
        last, self._held = self._last, set()
        self._lies = 0 if last is None or not last.lied else self._lies + 1
        if self._lies:
            self._begun.set()
            await self._sleep(min(_LONGEST_REST, _REST * 2.0 ** (self._lies - 1)))

        def heard(said: Report) -> None:
            if isinstance(said, Stats):
                self._told, said = said, self._translated(said)
            report(said)

        self._told = Stats()
        life = PeerLife(self.peer, self._terms, PeerHeard(heard, self._take_devices, self._take_holdings, self._list))
        life.ended.add_done_callback(lambda ended: self._note_end(life, ended.result()))
        self._last = life
        return life

    def _note_end(self, life: PeerLife, why: Message) -> None:
        """Where there is no hope for now, it is told why, before it is begun with again."""
        self._list([])
        if life.hopeless:
            self.broken = why

    def _take_devices(self, told: Devices) -> None:
        """Several are one worker here: which of them a job goes to, their own server knows best."""
        if told.ready:
            first = told.ready[0]
            self._hear(first)
            return
        self.ready, self.broken = None, told.broken
        self._changed()

    def _take_holdings(self, told: Holdings) -> None:
        self._held = (self._held - set(told.gone)) | set(told.came)
        self._changed()

    def _list(self, entries: Sequence[Entry]) -> None:
        self._terms.listed(self.place, entries)

    def _remember(self, model: Model) -> None:
        """What is resident there is told by an identity that is the same everywhere, and wanted by our own."""
        portable = portable_identity(model)
        if self._identities.get(portable) != model.identity:
            self._identities[portable] = model.identity
            self.stats = self._translated(self._told)
        self._identities.move_to_end(portable)
        if len(self._identities) > _REMEMBERED:
            self._identities.popitem(last=False)

    def _translated(self, stats: Stats) -> Stats:
        return msgspec.structs.replace(stats, models=[self._own(at, each) for at, each in enumerate(stats.models)])

    def _own(self, at: int, model: ResidentModel) -> ResidentModel:
        """What no job of ours named is told apart by its place alone: whatever it calls it, nobody asks for that."""
        return msgspec.structs.replace(model, identity=self._identities.get(model.identity, f"elsewhere {at}"))
