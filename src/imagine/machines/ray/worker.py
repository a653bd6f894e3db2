"""A device of a cluster as a worker: it lives in an actor on that machine, and takes the jobs whose files are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...dispatch.life import Life
from ...dispatch.limits import Limits, Restarts
from ...dispatch.process import ProcessWorker
from ...messages import Message, message
from ...words.frames import Report, WorkerSettings
from ...words.model import Component
from ..asked import LookAtMade
from ..lending import Lender
from ..lent import Brought
from ..parting import Lie
from .bringing import RemoteBringing
from .life import LIMITS, RemoteLife
from .seam import Cluster, ClusterDevice


class RayWorker(ProcessWorker):
    """The `Worker` at `device` of `cluster`. Its restarts, losses and jobs are those of any process; what its machine
    lacks, a `lender` lends it."""

    away = True

    def __init__(
        self,
        cluster: Cluster,
        device: ClusterDevice,
        settings: WorkerSettings,
        look: LookAtMade,
        *,
        lender: Lender | None = None,
        limits: Limits = LIMITS,
        restarts: Restarts | None = None,
    ) -> None:
        super().__init__(settings, place=str(device), limits=limits, restarts=restarts, begin=self._settle)
        self._cluster, self._look = cluster, look
        self.device = device
        self._digests: frozenset[str] = frozenset()
        self._bringing = None if lender is None else RemoteBringing(lender, lambda: self._changed())
        self.brings = self._bringing

    def holds(self, parts: Iterable[Component]) -> bool:
        """Has its machine said that it has these files? A part of no file is everywhere."""
        return all(part.digest in self._digests for part in parts if part.digest)

    async def _settle(self, report: Callable[[Report], None]) -> Life:
        host = self._cluster.settle(self.device)
        life = RemoteLife(host, self.place, report, self._hold, self._hear_brought, self._look, self._limits)
        if (bringing := self._bringing) is not None:
            bringing.live(life.lend)
            life.ended.add_done_callback(lambda ended: self._lose_files(bringing, ended.result()))
        return life

    def _lose_files(self, bringing: RemoteBringing, why: Message) -> None:
        """What is on its way doesn't come; it takes no jobs by then, so that those which wait for it go on waiting."""
        self.ready = None
        bringing.lose(message("worker.lost", why=why))

    def _hold(self, digests: frozenset[str]) -> None:
        self._digests = digests
        if self._bringing is not None:
            self._bringing.hold(digests)
        self._changed()

    def _hear_brought(self, brought: Brought) -> None:
        """Raises Lie."""
        if self._bringing is None:
            raise Lie(message("lie.job"))
        self._bringing.hear(brought)
