"""The seam to Ray itself: the only file that imports it.

An actor is never restarted by Ray and never asked twice: what is lost is made again where the gateway's pool says,
since only that can tell whoever waits. It isn't detached, so it ends with the gateway. What crosses are bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from ... import __version__
from ...messages import in_english
from ...words.errors import ImagineError
from ...words.frames import FrameError
from .host import DeviceHost
from .seam import ClusterDevice, DeviceKind, HostLost, RemoteHost
from .token import check_token, without_token

try:
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    note = in_english("cluster needs Ray, which isn't installed: pip install 'imagine[cluster]'", "cluster")
    raise ImagineError(note) from error

_UNREAD = 64
"""Pieces that a machine may be ahead of us."""
_AT_ONCE = 1000
"""Calls of one actor at one time; all but one last a moment."""
_LONGEST = 200


class RayCluster:
    """The cluster at `address`, or with "auto" the one of this machine, to which this process belongs from now on.

    Raises ImagineError where there is none, or where it lets anybody in. `host` is what runs for each device, by the
    gateway's version and the device's kind.
    """

    def __init__(self, address: str, host: Callable[[str, DeviceKind], DeviceHost] = DeviceHost) -> None:
        check_token()
        self._host = host
        try:
            ray.init(
                address=address, namespace="imagine", log_to_driver=False, logging_level=logging.ERROR,
                configure_logging=False,
            )  # fmt: skip
        except (RayError, ConnectionError, RuntimeError, ValueError, AssertionError) as error:
            why = f"the cluster {address} can't be joined: {_why(error)}"
            raise ImagineError(in_english(f"{why}; see 'imagine cluster'")) from error
        context = ray.get_runtime_context()
        self._own = context.get_node_id()
        self.address = str(ray.util.get_node_ip_address())
        """Of this machine, as the others reach it."""
        if without_token(context.gcs_address):
            self.leave()
            raise ImagineError(in_english(f"the cluster {address} answers whoever asks, and runs their code: start it "
                                          "with RAY_AUTH_MODE=token, as 'imagine cluster start' says"))  # fmt: skip

    def leave(self) -> None:
        """Ends all that it has there."""
        ray.shutdown()

    async def devices(self) -> list[ClusterDevice]:
        """The other machines' devices; those of this one belong to workers of its own. Raises HostLost."""
        try:
            nodes = await asyncio.to_thread(ray.nodes)
        except RayError as error:
            raise HostLost(_why(error)) from error
        others = [node for node in nodes if node["Alive"] and node["NodeID"] != self._own]
        return [device for node in others for device in _devices_of(node)]

    def settle(self, device: ClusterDevice) -> RemoteHost:
        """A new actor there; where there is no place for it any more, its frames say so."""
        where = NodeAffinitySchedulingStrategy(device.node, soft=False)
        resource = {"num_gpus": 1} if device.kind == "GPU" else {"resources": {"imagine": 1}}
        actor = ray.remote(
            num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=_AT_ONCE, scheduling_strategy=where,
            **resource,
        )(self._host)  # fmt: skip
        return _Actor(actor.remote(__version__, device.kind))


class _Actor:
    """A `RemoteHost`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def frames(self) -> AsyncIterator[bytes]:
        """As they come; what nobody reads makes the machine wait."""
        options = {"num_returns": "streaming", "_generator_backpressure_num_objects": _UNREAD}
        stream = self._actor.frames.options(**options).remote()
        try:
            async for reference in stream:
                piece = await reference
                if not isinstance(piece, bytes):
                    raise FrameError(f"a piece is {type(piece).__name__}")
                yield piece
        except RayError as error:
            raise HostLost(_why(error)) from error

    async def send(self, frame: bytes) -> None:
        """In the order in which they are said. Raises HostLost."""
        try:
            await self._actor.send.remote(frame)
        except RayError as error:
            raise HostLost(_why(error)) from error

    def kill(self) -> None:
        """Ray's own way, which reaches one that hangs as well."""
        ray.kill(self._actor)


def _devices_of(node: dict[str, Any]) -> list[ClusterDevice]:
    """Every GPU of a machine, and what it says that it has for us beside."""
    counts = node["Resources"]
    return [
        ClusterDevice(node["NodeID"], node["NodeManagerAddress"], kind, number)
        for kind in ("GPU", "imagine")
        for number in range(int(counts.get(kind, 0)))
    ]


def _why(error: Exception) -> str:
    """The first line of what Ray says, without the rest of its page."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}"[:_LONGEST]
