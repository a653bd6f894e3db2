"""Keeps a pool's workers those of a cluster: each device that comes becomes one, and one that is gone goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ...dispatch.pool import Pool
from ...dispatch.worker import Worker
from .seam import Cluster, ClusterDevice, HostLost

_log = logging.getLogger(__name__)
_LOOK = 2.0
"""Seconds between two looks at who is there."""


class Members:
    """Of one cluster in one pool, whose workers `make` makes. Used from one event loop."""

    def __init__(self, cluster: Cluster, pool: Pool, make: Callable[[ClusterDevice], Worker]) -> None:
        self._cluster = cluster
        self._pool = pool
        self._make = make
        self._workers: dict[ClusterDevice, Worker] = {}

    async def follow(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - whatever it was, the other machines go on, and the next look may be right
                _log.exception("who belongs to the cluster can't be told")
            await asyncio.sleep(_LOOK)

    async def look(self) -> None:
        """Takes in who has come, and lets go who isn't there any more."""
        try:
            devices = await self._cluster.devices()
        except HostLost as error:
            _log.error("the cluster doesn't say which machines it has: %s", error)
            return
        for gone in self._workers.keys() - set(devices):
            _log.warning("%s has left the cluster", gone)
            await self._pool.remove(self._workers.pop(gone))
        for device in devices:
            if device not in self._workers:
                _log.info("%s has joined the cluster", device)
                worker = self._make(device)
                await self._pool.add(worker)
                self._workers[device] = worker
