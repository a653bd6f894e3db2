"""The few things that are asked of a cluster: which devices it has, and somebody on a machine to speak with.

`cluster.py` asks Ray for them; a test answers itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, NamedTuple, Protocol

DeviceKind = Literal["GPU", "imagine"]
"""The resource that Ray counts it by: a GPU, or what a host without any says that it has for us."""


class HostLost(Exception):
    """The machine can't be reached, or the process there is gone; the text is why, in the cluster's words."""


class ClusterDevice(NamedTuple):
    """A device of a machine that is there now."""

    node: str
    """Ray's id of the machine's present life: one that comes back has another."""
    address: str
    kind: DeviceKind
    number: int
    """Which of its kind on that machine."""

    def __str__(self) -> str:
        return f"{self.address}/{'gpu' if self.kind == 'GPU' else 'cpu'}:{self.number}"


class RemoteHost(Protocol):
    """A `DeviceHost`, reached through the cluster."""

    def frames(self) -> AsyncIterator[bytes]:
        """All that it says, as whole frames. Raises HostLost."""

    async def send(self, frame: bytes) -> None:
        """Says a frame to it. Raises HostLost."""

    def kill(self) -> None:
        """Ends its process at once, as far as that can be reached."""


class Cluster(Protocol):
    """Machines that come and go."""

    async def devices(self) -> list[ClusterDevice]:
        """Those that are there now. Raises HostLost where nobody can tell."""

    def settle(self, device: ClusterDevice) -> RemoteHost:
        """Somebody new at that device, who may still be on the way there."""
