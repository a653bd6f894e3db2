"""The two ends of the worker's pipes: an inbox that a thread fills, and an outbox that any thread may use."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from ..words.frames import AnyCommand, Assembler, FrameError, Report, command_from_bytes, encode

_PIECE = 2**20


class Inbox:
    """Commands in the order they came; only the main thread takes them."""

    def __init__(self) -> None:
        self._commands: queue.SimpleQueue[AnyCommand] = queue.SimpleQueue()

    def put(self, command: AnyCommand) -> None:
        """Adds a command, from any thread."""
        self._commands.put(command)

    def take(self, patience: float | None) -> Iterator[AnyCommand]:
        """Everything that is there; waits up to `patience` seconds for the first (None: as long as it takes)."""
        try:
            yield self._commands.get(timeout=patience) if patience != 0 else self._commands.get_nowait()
            while True:
                yield self._commands.get_nowait()
        except queue.Empty:
            return


class Outbox:
    """Writes whole frames, whichever thread they come from."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, report: Report) -> None:
        """Returns when the frame is on its way. Raises FrameError (nothing was written), OSError when nobody reads."""
        frame = memoryview(encode(report))
        with self._lock:
            while frame:
                frame = frame[os.write(self._descriptor, frame) :]


def read_into(inbox: Inbox, descriptor: int, leave: Callable[[int], NoReturn] = os._exit) -> None:
    """Fills `inbox` from `descriptor` in a thread of its own.

    When the other side is gone or talks nonsense the process leaves at once, whatever the main thread is doing:
    there is nobody to work for, and no way to ask again.
    """

    def read() -> None:
        assembler = Assembler()
        status = 1
        try:
            while piece := os.read(descriptor, _PIECE):
                for body in assembler.feed(piece):
                    inbox.put(command_from_bytes(body))
            status = 0
        except (FrameError, OSError) as error:
            os.write(2, f"the worker lost its gateway: {error}\n".encode())
        finally:
            leave(status)

    threading.Thread(target=read, name="inbox", daemon=True).start()
