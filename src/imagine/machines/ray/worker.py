"""A device of a cluster as a worker: it lives in an actor on that machine, and takes the jobs whose files are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...dispatch.life import Life
from ...dispatch.limits import Limits, Restarts
from ...dispatch.process import ProcessWorker
from ...words.frames import Report, WorkerSettings
from ...words.model import Component
from ..asked import LookAtMade
from .life import LIMITS, RemoteLife
from .seam import Cluster, ClusterDevice


class RayWorker(ProcessWorker):
    """The `Worker` at `device` of `cluster`. Its restarts, losses and jobs are those of any process."""

    away = True

    def __init__(
        self,
        cluster: Cluster,
        device: ClusterDevice,
        settings: WorkerSettings,
        look: LookAtMade,
        *,
        limits: Limits = LIMITS,
        restarts: Restarts | None = None,
    ) -> None:
        super().__init__(settings, place=str(device), limits=limits, restarts=restarts, begin=self._settle)
        self._cluster, self._look = cluster, look
        self.device = device
        self._digests: frozenset[str] = frozenset()

    def holds(self, parts: Iterable[Component]) -> bool:
        """Has its machine said that it has these files?"""
        return all(part.digest in self._digests for part in parts)

    async def _settle(self, report: Callable[[Report], None]) -> Life:
        host = self._cluster.settle(self.device)
        return RemoteLife(host, self.place, report, self._hold, self._look, self._limits)

    def _hold(self, digests: frozenset[str]) -> None:
        self._digests = digests
        self._changed()
