"""From `--cluster` to workers: joins the cluster, and has its devices work in a server's pool while they are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from ...dispatch.pool import Pool
from ...words.frames import WorkerSettings
from ..asked import LookAtMade
from ..lending import Lender
from .cluster import RayCluster
from .members import Members
from .worker import RayWorker

_log = logging.getLogger(__name__)
ClusterFollower = Callable[[Pool, LookAtMade, Lender], Coroutine[Any, Any, None]]
"""Never ends by itself. Pictures that were made elsewhere go by what looks at them first; a machine is lent the files
that it lacks."""


def follow_cluster(address: str, settings: WorkerSettings) -> ClusterFollower:
    """What keeps a pool's workers those of the cluster, which is joined now. For the main thread: Ray says so.

    Raises ImagineError, as `RayCluster` does.
    """
    cluster = RayCluster(address)

    async def follow(pool: Pool, look: LookAtMade, lender: Lender) -> None:
        lends: Lender | None = lender
        try:
            await lender.open(cluster.address)
        except OSError as error:
            _log.error("files can't be lent to the cluster's machines at %s: %s", cluster.address, error)
            lends = None
        try:
            await Members(
                cluster, pool, lambda device: RayWorker(cluster, device, settings, look, lender=lends)
            ).follow()
        finally:
            await lender.close()

    return follow
