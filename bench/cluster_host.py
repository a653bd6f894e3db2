"""The host that `bench/cluster.py` has Ray start on its machines: a worker of fixed step time, with the one file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from imagine.machines.inventory import Inventory
from imagine.machines.portable import PartAbsent
from imagine.machines.ray.host import DeviceHost
from imagine.machines.ray.seam import DeviceKind
from imagine.registry.registry import Registry
from imagine.words.model import Component

DIGEST = "0" * 64
COMMAND = [sys.executable, str(Path(__file__).with_name("fixed_worker.py"))]


class OneFile(Inventory):
    """Of a file that nobody reads."""

    def __init__(self) -> None:
        super().__init__(Registry([]))

    @property
    def digests(self) -> frozenset[str]:
        """That one's."""
        return frozenset([DIGEST])

    def look(self, told: Callable[[], object] = lambda: None) -> None:
        """Nothing comes."""

    def find(self, part: Component) -> Component:
        """It, by its digest. Raises PartAbsent."""
        if part.digest != DIGEST:
            raise PartAbsent(part)
        return msgspec.structs.replace(part, path="/nowhere")


class FixedHost(DeviceHost):
    """As `DeviceHost`, of that worker."""

    def __init__(self, version: str, kind: DeviceKind) -> None:
        super().__init__(version, kind, command=COMMAND, inventory=OneFile())
