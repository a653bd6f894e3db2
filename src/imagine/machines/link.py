"""One connection between two servers: frames both ways over a WebSocket, signs of life, and the watch for silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType, web

from ..messages import Message, message
from ..words.frames import MAX_FRAME, Assembler, FrameError, encode
from .parting import Lie
from .wire import BEAT, MAX_MESSAGE, SILENCE, Beat

_LOOKS = 4
_PIECE = 2**18
"""Bytes of a message: of a large frame, so many are on their way before somebody is heard again."""


class LinkLimits(NamedTuple):
    """Seconds."""

    beat: float = BEAT
    silence: float = SILENCE
    half: float = 300.0
    """Within a frame: none of ours takes so long, on the slowest line that pictures can be made over."""
    taken: float = 30.0
    """For a message to be taken."""


class FrameLink:
    """Frames over one WebSocket, which whoever makes it closes. `most` is how many bytes a frame may have that comes,
    `largest` one that goes. Used from one event loop."""

    def __init__(
        self,
        socket: ClientWebSocketResponse | web.WebSocketResponse,
        most: Callable[[], int],
        limits: LinkLimits,
        largest: int = MAX_FRAME,
    ) -> None:
        self._socket, self._limits, self._largest = socket, limits, largest
        self._frames = Assembler(most)
        self._saying = asyncio.Lock()
        self._spoke = False
        self._heard = 0

    async def say(self, frame: msgspec.Struct) -> None:
        """Sends a frame, in the order of the calls. Raises FrameError, and OSError where nobody takes it."""
        data = memoryview(encode(frame))
        if len(data) > self._largest:
            raise FrameError(f"{type(frame).__name__} of {len(data)} bytes is larger than {self._largest}")
        async with self._saying, asyncio.timeout(self._limits.taken) as taking:
            for at in range(0, len(data), _PIECE):
                try:
                    await self._socket.send_bytes(bytes(data[at : at + _PIECE]))
                except RuntimeError as error:  # aiohttp's word for a connection that is being closed
                    raise ConnectionResetError from error
                taking.reschedule(asyncio.get_running_loop().time() + self._limits.taken)

    async def hear(self, take: Callable[[bytes], None]) -> Message:
        """Has each frame's body taken until the connection is over, and says why it is; raises Lie where it had to
        end. `take` may raise Parting, FrameError."""
        tasks = [asyncio.create_task(each) for each in (self._read(take), self._beat(), self._watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(task.result() for task in tasks if task in done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Says farewell, and doesn't wait for one."""
        with contextlib.suppress(OSError, RuntimeError):
            await self._socket.close()

    async def _read(self, take: Callable[[bytes], None]) -> Message:
        try:
            while (said := await self._socket.receive()).type is WSMsgType.BINARY:
                self._spoke = True
                for body in self._frames.feed(said.data):
                    self._heard += 1
                    take(body)
        except FrameError as error:
            raise Lie(message("peer.frame", why=str(error))) from error
        if said.type is WSMsgType.TEXT:
            raise Lie(message("peer.frame", why="text"))
        if said.type is WSMsgType.ERROR and not isinstance(said.data, OSError):  # as of a message that is too large
            raise Lie(message("peer.frame", why=str(said.data)[:200]))
        return message("peer.closed")

    async def _beat(self) -> Message:
        with contextlib.suppress(OSError):  # and TimeoutError, which is one
            while True:
                await self.say(Beat())
                await asyncio.sleep(self._limits.beat)
        return message("peer.closed")

    async def _watch(self) -> Message:
        """Counts looks without a byte rather than time, so that a pause of our own isn't taken for silence."""
        silent = within = heard = 0
        while True:
            await asyncio.sleep(self._limits.silence / _LOOKS)
            silent = 0 if self._spoke else silent + 1
            within = within + 1 if self._frames.is_within and heard == self._heard else 0
            self._spoke, heard = False, self._heard
            if silent >= _LOOKS:
                return message("peer.silent", seconds=round(self._limits.silence))
            if within * self._limits.silence / _LOOKS >= self._limits.half:
                raise Lie(message("peer.half", seconds=round(self._limits.half)))


assert MAX_MESSAGE > _PIECE, "what one side sends the other takes"
