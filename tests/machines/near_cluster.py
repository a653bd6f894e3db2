"""A cluster without Ray: its machines' hosts are in this process, and a test cuts them off or has them lie."""

import asyncio
import contextlib

import msgspec

from imagine import __version__
from imagine.machines.portable import PartAbsent
from imagine.machines.ray.host import DeviceHost
from imagine.machines.ray.seam import ClusterDevice, HostLost
from imagine.words.frames import encode


class ListedFiles:
    """An inventory by a list of digests; each lies at a path of its own machine."""

    def __init__(self, *digests):
        self.digests = frozenset(digests)
        self.coming = frozenset()

    def look(self, told=lambda: None):
        self.digests |= self.coming

    def find(self, part):
        if part.digest not in self.digests:
            raise PartAbsent(part)
        return msgspec.structs.replace(part, path=f"/of/this/machine/{part.digest[:4]}.safetensors")


class NearHost:
    """A `RemoteHost` that is here: `host` says what it says until it is cut off, killed or lost."""

    def __init__(self, host):
        self.host = host
        self.sent = []
        self._news = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        self.is_cut = self._is_there = self._is_killed = False

    async def _read(self):
        async with contextlib.aclosing(self.host.frames()) as pieces:
            async for piece in pieces:
                self._is_there = True
                if self._is_killed:
                    break
                self._news.put_nowait(piece)
        self._news.put_nowait(None)

    async def gone(self):
        """Waits until its process is."""
        self.kill()
        await asyncio.wait([self._reading])

    async def frames(self):
        while (piece := await self._news.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            if not self.is_cut:
                yield piece

    async def send(self, frame):
        self.sent.append(frame)
        if not self.is_cut:
            await self.host.send(frame)

    def kill(self):
        if self._is_there and not self._is_killed:  # one that is being started is awaited
            self._reading.cancel()
        self._is_killed = True

    def say(self, *words):
        """What the machine never said, or bytes that are none."""
        for word in words:
            self._news.put_nowait(word if isinstance(word, bytes) else bytes(encode(word)))

    def lose(self, why):
        """The cluster says that it is gone."""
        self.kill()
        self._news.put_nowait(HostLost(why))


class NearCluster:
    """Machines by their names, a device each, whose workers are `command`."""

    def __init__(self, command, *names, files=(), version=__version__, inventory=None, fetcher=None):
        self.command, self.names, self.version = command, list(names), version
        self.files = inventory or ListedFiles(*files)
        self.fetcher = fetcher
        self.hosts = []
        self.is_lost = False

    async def devices(self):
        if self.is_lost:
            raise HostLost("the head is gone")
        return [ClusterDevice(f"id of {name}", name, "imagine", 0) for name in self.names]

    def settle(self, device):
        host = DeviceHost(self.version, device.kind, command=self.command, inventory=self.files, fetcher=self.fetcher)
        self.hosts.append(NearHost(host))
        return self.hosts[-1]
